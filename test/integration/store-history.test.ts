import { historyRequest, type HistoryResult, type HistoryScope, type ResourceRepository } from '#fhir-store';
import { compiledSql } from '#postgres';
import { aPatient, aTenant, baseUrl, policyOf, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const create = async (more: object = {}) => (await repository.create(aPatient(more))).version;
const put = async (id: string, more: object) =>
  (await repository.update('Patient', id, aPatient({ id, ...more }))).version;
const history = (scope: HistoryScope, query = '', by: ResourceRepository = repository): Promise<HistoryResult> =>
  by.history(historyRequest(scope, query));
const versionIds = ({ versions }: HistoryResult): string[] => versions.map(({ versionId }) => versionId);
const basic = (value: string) => text({ resourceType: 'Basic', code: { text: value } });
const patients = { type: 'Patient' };
const newestFirst = (ids: readonly string[]) => [...ids].sort((one, other) => Number(other) - Number(one));

/** All pages of a history; `between` is done before each page but the first. */
async function pages(scope: HistoryScope, query: string, between: () => Promise<unknown>): Promise<HistoryResult[]> {
  const found: HistoryResult[] = [];
  for (let next: string | undefined = ''; next !== undefined; next = found.at(-1)?.next) {
    if (next !== '') await between();
    found.push(await history(scope, next === '' ? query : `${query}&_cursor=${next}`));
  }
  return found;
}

/** https://hl7.org/fhir/R4/http.html#history */
describe('the history of a type', () => {
  test('has every version of every resource of the type, newest first', async () => {
    const first = await create();
    const second = await put(first.id, { gender: 'male' });
    await repository.create(basic('other type'));
    const third = await create();
    const gone = await repository.delete('Patient', first.id);
    const { versions } = await history(patients, '_count=4');
    expect(versions.map(({ id, versionId, deleted }) => [id, versionId, deleted])).toEqual([
      [first.id, gone.versionId, true],
      [third.id, third.versionId, false],
      [first.id, second.versionId, false],
      [first.id, first.versionId, false],
    ]);
    expect(versions[2]?.body).toBe(second.body);
    expect(versions[3]?.body).toBe(first.body);
    expect(versions.map(({ rowId, versionId }) => rowId === versionId)).toEqual([false, true, false, true]);
  });

  test('shows each version on exactly one page while others write', async () => {
    const made = await Promise.all(Array.from({ length: 6 }, () => create()));
    for (const { id } of made) await put(id, { gender: 'female' });
    await repository.delete('Patient', made[2]?.id ?? '');
    const before = versionIds(await history(patients, '_count=1000'));
    let writes = 0;
    const found = await pages(patients, '_count=3', async () => {
      // What is on later pages is superseded meanwhile, and something new comes in front.
      await put(made[writes % 2]?.id ?? '', { birthDate: `19${10 + writes++}` });
      await create();
    });
    expect(writes).toBeGreaterThan(3);
    expect(found.flatMap(versionIds)).toEqual(before);
    expect(found.slice(0, -1).map(({ versions }) => versions.length)).toEqual(found.slice(0, -1).map(() => 3));
  });

  test('shows resources of one moment each on one page', async () => {
    const entry = Array.from({ length: 7 }, () => ({
      request: { method: 'POST', url: 'Basic' },
      resource: { resourceType: 'Basic', code: { text: 'same moment' } },
    }));
    await repository.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }), baseUrl);
    const found = await pages({ type: 'Basic' }, '_count=2', async () => undefined);
    const ids = found.flatMap(versionIds);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(versionIds(await history({ type: 'Basic' }, '_count=1000')));
  });

  test('can be read oldest first, and with an offset', async () => {
    const whole = versionIds(await history(patients, '_count=1000'));
    expect(versionIds(await history(patients, '_count=1000&_sort=_lastUpdated'))).toEqual([...whole].reverse());
    expect((await pages(patients, '_count=5&_sort=_lastUpdated', async () => undefined)).flatMap(versionIds)).toEqual(
      [...whole].reverse(),
    );
    expect(versionIds(await history(patients, '_count=3&_offset=2'))).toEqual(whole.slice(2, 5));
  });

  test('asks for the right to its type', async () => {
    const reader = await t.repository({ policy: policyOf('read *', 'history Basic') });
    await expect(history(patients, '', reader)).rejects.toMatchObject({ category: 'forbidden' });
    expect((await history({ type: 'Basic' }, '', reader)).versions.length).toBeGreaterThan(0);
  });
});

describe('the history of the whole project', () => {
  test('goes over all types that the caller may see', async () => {
    const one = await create();
    const { version: other } = await repository.create(basic('system'));
    const two = await put(one.id, { gender: 'other' });
    expect(versionIds(await history({}, '_count=3'))).toEqual([two, other, one].map(({ versionId }) => versionId));
    const reader = await t.repository({ policy: policyOf('history Basic') });
    const { versions } = await history({}, '_count=1000', reader);
    expect(new Set(versions.map(({ type }) => type))).toEqual(new Set(['Basic']));
    const nobody = await t.repository({ policy: policyOf('read *') });
    await expect(history({}, '', nobody)).rejects.toMatchObject({ category: 'forbidden' });
  });

  test('has every version there is, on pages', async () => {
    const rows = await t.rows<{ version: string }>(
      'SELECT version FROM resource UNION ALL SELECT version FROM resource_history',
    );
    const found = await pages({}, '_count=7', async () => undefined);
    expect(newestFirst(found.flatMap(versionIds))).toEqual(newestFirst(rows.map(({ version }) => version)));
  });

  test('under rights that have changed is not shown', async () => {
    const stale = await t.repository({ epoch: '0' });
    await expect(history({}, '', stale)).rejects.toMatchObject({ name: 'StaleRights' });
    await expect(history(patients, '', stale)).rejects.toMatchObject({ name: 'StaleRights' });
  });
});

describe('_since', () => {
  test('takes versions from that moment on, that moment included', async () => {
    const before = await create();
    const from = await create();
    const after = await put(before.id, { gender: 'male' });
    const ids = versionIds(await history(patients, `_since=${from.lastUpdated}`));
    expect(ids.slice(0, 2)).toEqual([after.versionId, from.versionId]);
    expect(ids.includes(before.versionId)).toBe(before.lastUpdated === from.lastUpdated);
    const ofOne = await history({ type: 'Patient', id: before.id }, `_since=${after.lastUpdated}`);
    expect(ofOne.versions.map(({ versionId }) => versionId)).toContain(after.versionId);
    expect(ofOne.total).toBe(ofOne.versions.length);
    expect(versionIds(await history({}, '_since=2999-01-01'))).toEqual([]);
  });

  test('never misses what was written early and committed late', async () => {
    const locked = await create({ identifier: [{ value: 'locked' }] });
    const start = locked.lastUpdated;
    const other = await t.connect();
    let slow: Promise<string> | undefined;
    await other.transaction(async (transaction) => {
      await transaction.query(
        compiledSql({ text: 'SELECT 1 FROM resource WHERE fhir_id = $1 FOR UPDATE', values: [locked.id] }),
      );
      // It writes the first of its resources and then waits for the lock on the second.
      const put = { method: 'PUT', url: 'Patient?identifier=locked' };
      const entry = [
        { request: { method: 'POST', url: 'Patient' }, resource: { resourceType: 'Patient', language: 'late' } },
        { request: put, resource: { resourceType: 'Patient', identifier: [{ value: 'locked' }] } },
      ];
      slow = repository.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }), baseUrl);
      await t.untilBlocked();
      const quick = await create();
      const early = versionIds(await history(patients, `_since=${start}`));
      expect(early).toContain(locked.versionId);
      expect(early).not.toContain(quick.versionId);
      expect(versionIds(await history(patients, '_count=1'))).toEqual([quick.versionId]);
    });
    await slow;
    await other.close();
    const { versions } = await history(patients, `_since=${start}`);
    expect(versions.some(({ body }) => body.includes('"language":"late"'))).toBe(true);
  });

  test('goes on over pages with what was complete at the first one', async () => {
    const first = await create();
    for (const gender of ['male', 'female', 'other']) await put(first.id, { gender });
    const scope = { type: 'Patient', id: first.id };
    const found = await pages(scope, `_count=2&_since=${first.lastUpdated}`, () =>
      put(first.id, { birthDate: '1999' }),
    );
    expect(found.flatMap(versionIds)).toHaveLength(4);
  });
});

describe('_at', () => {
  test('takes the versions that were current at that time', async () => {
    const first = await create();
    await t.untilLater(first.lastUpdated);
    const second = await put(first.id, { gender: 'male' });
    await t.untilLater(second.lastUpdated);
    const gone = await repository.delete('Patient', first.id);
    const scope = { type: 'Patient', id: first.id };
    for (const { versionId, lastUpdated } of [first, second, gone]) {
      expect(versionIds(await history(scope, `_at=${lastUpdated}`))).toEqual([versionId]);
      const ofType = await history(patients, `_count=1000&_at=${lastUpdated}`);
      expect(ofType.versions.filter(({ id }) => id === first.id).map((version) => version.versionId)).toEqual([
        versionId,
      ]);
    }
    expect(versionIds(await history(scope, `_at=${new Date().getUTCFullYear()}`))).toHaveLength(3);
    expect(versionIds(await history(scope, '_at=1999'))).toEqual([]);
  });
});

describe('a page link', () => {
  test('works for its own history only, and only as it is', async () => {
    const { next = '' } = await history(patients, '_count=1');
    expect(next).not.toBe('');
    const changed = next.slice(0, -2) + (next.endsWith('AA') ? 'BB' : 'AA');
    for (const [scope, query] of [
      [{}, `_cursor=${next}`],
      [patients, `_sort=_lastUpdated&_cursor=${next}`],
      [patients, `_since=2020&_cursor=${next}`],
      [patients, `_cursor=${changed}`],
      [patients, '_cursor=x'],
    ] as const) {
      await expect(history(scope, query)).rejects.toMatchObject({ category: 'invalid' });
    }
    expect((await history(patients, `_count=2&_cursor=${next}`)).versions).toHaveLength(2);
  });
});
