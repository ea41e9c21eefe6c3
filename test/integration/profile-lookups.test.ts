/** Which of a project's profiles are found for what is written, however many there are and however many are claimed. */
import { rules } from './policy-rules.fixture.js';
import { claiming, profileUrl, structureDefinition } from './profiles.fixture.js';
import { aTenant, baseUrl, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

type Entry = readonly [url: string, resource: object];

const send = async (...entries: Entry[]): Promise<string> =>
  (await t.repository()).processBundle(
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: entries.map(([url, resource]) => ({ resource, request: { method: 'POST', url } })),
    }),
    baseUrl,
  );

const patient = (...names: string[]): Entry => ['Patient', { resourceType: 'Patient', ...claiming(...names) }];
const definition = (...given: Parameters<typeof structureDefinition>): Entry => [
  'StructureDefinition',
  structureDefinition(...given),
];
const needing = (name: string) => [{ path: `Patient.${name}`, min: 1 }];

/** The paths of what a transaction is refused for. */
async function wrong(...entries: Entry[]): Promise<unknown> {
  return send(...entries).then(
    () => 'it was written',
    (error: { issues?: { expression: string[] }[] }) => error.issues?.map(({ expression }) => expression[0]) ?? error,
  );
}

describe('a profile is found', () => {
  test('however many others that are newer a transaction claims', async () => {
    await send(definition('oldest', 'Patient', needing('name')));
    const others = Array.from({ length: 240 }, (_, n) => `newer-${n}`);
    await send(...others.map((name) => definition(name, 'Patient', [{ path: 'Patient.active', max: '1' }])));
    const claims = Array.from({ length: 12 }, (_, n) => patient(...others.slice(n * 20, n * 20 + 20)));
    expect(await wrong(...claims)).toBe('it was written');
    expect(await wrong(...claims, patient('oldest'))).toEqual(['Bundle.entry[12].resource.name']);
  });

  test('however many others have the same url', async () => {
    const versions = (name: string, count: number) =>
      send(
        ...Array.from({ length: count }, (_, n) =>
          definition(name, 'Patient', needing('gender'), { version: `1.${n}` }),
        ),
      );
    await send(definition('beside', 'Patient', needing('name')));
    await versions('crowded', 210);
    expect(await wrong(patient('crowded', 'beside'))).toEqual([
      'Bundle.entry[0].resource.gender',
      'Bundle.entry[0].resource.name',
    ]);
  });

  test('that another one is made of, however many a third one leads to', async () => {
    const baseDefinition = profileUrl('parent');
    const profile = Array.from({ length: 150 }, (_, n) => profileUrl(`nowhere-${n}`));
    await send(
      definition('parent', 'Patient', needing('birthDate')),
      definition('child', 'Patient', needing('gender'), { differential: true, baseDefinition }),
      definition('wide', 'Patient', [{ path: 'Patient.extension', type: [{ code: 'Extension', profile }] }]),
    );
    expect(await wrong(patient('child'), patient('wide'))).toEqual([
      'Bundle.entry[0].resource.gender',
      'Bundle.entry[0].resource.birthDate',
    ]);
  });
});

test('what is wrong with a definition is told to those who may read it', async () => {
  await send(definition('no-profile', 'Patient', needing('name'), { derivation: 'specialization' }));
  const resource = { resourceType: 'Patient', ...claiming('no-profile') } as never;
  const reportFor = async (...rule: object[]) => {
    const repository = await t.repository({ policy: rules([{ resourceType: 'Patient' }, ...rule] as never) });
    return (await repository.profileReport(resource, [])).map(({ text: said }) => said);
  };
  expect(await reportFor({ resourceType: 'StructureDefinition' })).toEqual([
    expect.stringContaining("its derivation is not 'constraint'"),
  ]);
  const blind = { resourceType: 'StructureDefinition', interaction: ['create'] };
  expect(await reportFor(blind)).toEqual([expect.stringContaining('it is not stored in this project')]);
});

test('claims that are too many are refused without a look at any of them', async () => {
  const names = Array.from({ length: 5_000 }, (_, n) => `none-${n}`);
  expect(await wrong(patient(...names))).toEqual(['Bundle.entry[0].resource.meta.profile']);
  const repository = await t.repository();
  const resource = { resourceType: 'Patient', ...claiming(...names) };
  const asked = names.map((name) => `${profileUrl(name)}/asked`);
  await expect(repository.profileReport(resource as never, asked)).resolves.toMatchObject([{ code: 'too-costly' }]);
  await expect(repository.create(text(resource))).rejects.toMatchObject({ issues: [{ code: 'too-costly' }] });
});

test.each([
  ['creates alone', []],
  ['also something else', [{ request: { method: 'GET', url: 'Patient?_count=1' } }]],
])('others get their turn while the profiles of a transaction of %s are checked', async (name, others) => {
  const slow = `slow-${others.length}`;
  const expression = "'aaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$').not()";
  const constraint = [{ key: 'x-1', severity: 'error', human: name, expression }];
  await send(definition(slow, 'Patient', [{ path: 'Patient', constraint }]));
  const entry = Array.from({ length: 20 }, () => ({
    resource: patient(slow)[1],
    request: { method: 'POST', url: 'Patient' },
  }));
  const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: [...entry, ...others] });
  // A machine that is busy may itself keep others waiting for a moment; checks in one piece do each time.
  const shares: number[] = [];
  do shares.push(await longestWait(bundle));
  while (shares.length < 3 && shares.at(-1)! >= 0.5);
  expect(Math.min(...shares)).toBeLessThan(0.5);
});

/** How much of the time that a Bundle takes, between 0 and 1, others have to wait in one piece. */
async function longestWait(bundle: string): Promise<number> {
  const repository = await t.repository();
  const begun = performance.now();
  let [longest, last] = [0, begun];
  const look = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    next = setImmediate(look);
  };
  let next = setImmediate(look);
  try {
    await repository.processBundle(bundle, baseUrl);
  } finally {
    clearImmediate(next);
  }
  return longest / (performance.now() - begun);
}
