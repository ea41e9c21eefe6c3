/** Answers are bounded by what they hold, not by how many resources were asked for. */
import { parseSearch } from '#fhir-search';
import { historyRequest, type ResourceRepository } from '#fhir-store';
import { aTenant, baseUrl, memberPolicy, text, type TestTenant } from './store.fixture.js';

/** Two of them go onto a page of 32 MiB. */
const large = 'QUJD'.repeat(3_000_000);

let t: TestTenant;
let repository: ResourceRepository;
let ids: string[];
let patients: string[];

beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
  ids = [];
  patients = [];
  for (const type of ['a/a', 'b/b', 'c/c', 'd/d', 'e/e']) {
    ids.push((await repository.create(text({ resourceType: 'Binary', contentType: type, data: large }))).version.id);
    const patient = text({ resourceType: 'Patient', photo: [{ contentType: type, data: large }] });
    patients.push((await repository.create(patient)).version.id);
  }
}, 60_000);
afterAll(() => t.close());

const search = (query: string, type = 'Patient') =>
  repository.search(parseSearch(t.tenant.version, type, query, { handling: 'strict' }));

interface Answers {
  entry: { response: { status: string; outcome: { issue: { code: string }[] } } }[];
}
const send = async (type: string, urls: readonly string[]) => {
  const entry = urls.map((url) => ({ request: { method: 'GET', url } }));
  const answer = await repository.processBundle(JSON.stringify({ resourceType: 'Bundle', type, entry }), baseUrl);
  return { length: answer.length, entries: (JSON.parse(answer) as Answers).entry };
};

describe('a page ends early when it is long enough', () => {
  test('of a search, and the next one goes on behind it', async () => {
    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor = '';
    do {
      const { hits, next } = await search(`_count=1000&_sort=_lastUpdated${cursor}`);
      seen.push(...hits.map(({ id }) => id));
      sizes.push(hits.length);
      cursor = next === undefined ? '' : `&_cursor=${next}`;
    } while (cursor !== '');
    expect(seen).toEqual(patients);
    expect(sizes).toEqual([2, 2, 1]);
  });

  test.each([
    ['of a type', { type: 'Binary' }, 5],
    ['of a resource', undefined, 1],
  ])('of a history %s', async (_, scope, count) => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const request = historyRequest(scope ?? { type: 'Binary', id: ids[0] ?? '' }, `_count=1000${cursor}`, {
        handling: 'strict',
      });
      const { versions, next } = await repository.history(request);
      expect(versions.length).toBeLessThanOrEqual(2);
      seen.push(...versions.map(({ id }) => id));
      cursor = next === undefined ? '' : `&_cursor=${next}`;
    } while (cursor !== '');
    expect(seen).toEqual(ids.slice(0, count).reverse());
  });

  test('of built-in definitions', async () => {
    const seen = new Set<string>();
    let pages = 0;
    let cursor = '';
    do {
      const { hits, next } = await search(`_count=1000${cursor}`, 'StructureDefinition');
      expect(hits.reduce((sum, { body }) => sum + body.length, 0)).toBeLessThan(33 * 1024 * 1024);
      for (const { id } of hits) seen.add(id);
      pages++;
      cursor = next === undefined ? '' : `&_cursor=${next}`;
    } while (cursor !== '');
    expect([pages, seen.size]).toEqual([
      expect.any(Number),
      t.tenant.version.definitions('StructureDefinition').length,
    ]);
  });
});

test('resources that are read together are refused when they are too long together', async () => {
  const identities = ids.map((id) => ({ type: 'Binary', id }));
  await expect(repository.readMany(identities)).rejects.toMatchObject({ category: 'too-costly' });
  expect((await repository.readMany(identities.slice(0, 2))).size).toBe(2);
});

describe('the answer to a Bundle', () => {
  test('refuses the entries that would make it too long, in a batch', async () => {
    const { length, entries } = await send(
      'batch',
      Array.from({ length: 200 }, () => 'StructureDefinition?_count=1000'),
    );
    expect(length).toBeLessThan(66 * 1024 * 1024);
    expect(entries[0]?.response.status).toBe('200');
    expect(entries.at(-1)?.response).toMatchObject({ status: '400', outcome: { issue: [{ code: 'too-costly' }] } });
  });

  test('fails as a whole in a transaction', async () => {
    const urls = Array.from({ length: 8 }, (_, at) => `Binary/${ids[at % ids.length]}`);
    await expect(send('transaction', urls)).rejects.toMatchObject({ category: 'too-costly' });
    expect((await send('transaction', urls.slice(0, 3))).entries).toHaveLength(3);
  });

  test('fails when what it would delete or replace cannot be read together', async () => {
    const entry = (method: string, url: string, resource?: object) => ({ request: { method, url }, resource });
    const transaction = (...entries: object[]) =>
      repository.processBundle(
        JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: entries }),
        baseUrl,
      );
    const deletions = ids.map((id) => entry('DELETE', `Binary/${id}`));
    const replacement = entry('PUT', `Patient/${patients[0]}`, { resourceType: 'Patient', id: patients[0] });
    await expect(transaction(...deletions)).rejects.toMatchObject({ category: 'too-costly' });
    await expect(transaction(...deletions.slice(0, 2), replacement)).rejects.toMatchObject({ category: 'too-costly' });
    expect((await repository.readMany([{ type: 'Binary', id: ids[0] ?? '' }])).size).toBe(1);
  });

  test('is not made for more entries than a Bundle may have', async () => {
    for (const type of ['batch', 'transaction']) {
      const urls = Array.from({ length: 10_001 }, () => 'Patient/1');
      await expect(send(type, urls)).rejects.toMatchObject({ category: 'too-costly' });
    }
  });
});

test('a history is judged by contents that are longer together than a page', async () => {
  const type = 'Practitioner';
  const made: string[] = [];
  for (let count = 0; count < 4; count++) {
    made.push((await repository.create(text({ resourceType: type, active: true }))).version.id);
  }
  for (const id of made) {
    const photo = [{ contentType: 'a/a', data: large }];
    await repository.update(type, id, text({ resourceType: type, id, photo }));
  }
  const judged: string[] = [];
  const judging = await t.repository({
    policy: {
      ...memberPolicy,
      grantsFully: () => false,
      grantFor: (interaction, version) => {
        if (version.type === type) judged.push(`${interaction} ${version.value['id'] as string}`);
        return memberPolicy.grantFor(interaction, version);
      },
    },
  });
  const request = historyRequest({ type }, '_sort=_lastUpdated&_count=4', { handling: 'strict' });
  expect((await judging.history(request)).versions.map(({ id }) => id)).toEqual(made);
  expect(judged).toEqual(made.map((id) => `history ${id}`));
});
