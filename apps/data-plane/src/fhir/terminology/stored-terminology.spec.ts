import { fhirVersion } from '#fhir';
import type { ResourceRepository } from '#fhir-store';
import { StoredTerminology } from './stored-terminology.js';

const url = (n: number): string => `http://codes.example/${n}`;
const urls = (count: number): string[] => Array.from({ length: count }, (_, n) => url(n));

/** The terminology of a project with so many code systems, each with so many codes. */
function terminologyOf(systems: number, codes: number): StoredTerminology {
  const concept = Array.from({ length: codes }, (_, n) => ({ code: `c${n}` }));
  const hits = urls(systems).map((one, n) => ({
    versionId: String(n + 1),
    body: JSON.stringify({ resourceType: 'CodeSystem', url: one, content: 'complete', concept }),
  }));
  const repository = { search: () => Promise.resolve({ hits }) } as unknown as ResourceRepository;
  return new StoredTerminology(repository, fhirVersion('R4'));
}

test('others get their turn between two code systems', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  try {
    const found = await terminologyOf(20, 2).codeSystems(urls(20));
    expect([...found.keys()]).toEqual(urls(20));
  } finally {
    clearImmediate(next);
  }
  expect(turns).toBeGreaterThanOrEqual(19);
});

test('code systems that are too large together are refused, also when they are asked for one after the other', async () => {
  const terminology = terminologyOf(2, 300_000);
  await terminology.codeSystems([url(0)]);
  await expect(terminology.codeSystems([url(1)])).rejects.toMatchObject({ category: 'too-costly' });
});
