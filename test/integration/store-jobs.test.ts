/** Jobs in a tenant database: who has no lease any more can do nothing. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  claimJob,
  endJob,
  findJob,
  insertJob,
  leasedDatabase,
  LeaseLost,
  noteProgress,
  removeJob,
  renewLease,
  ResourceRepository,
  returnLease,
  StaleRights,
  type LeasedJob,
} from '#fhir-store';
import { parseSearch } from '#fhir-search';
import { sql, type Connection } from '#postgres';
import { aPatient, aTenant, baseUrl, memberPolicy, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t?.close());

const use = <T>(work: (connection: Connection) => Promise<T>): Promise<T> => t.tenant.use(work);
const newJob = () => ({
  id: randomUUID(),
  kind: 'transaction' as const,
  membership: 'm',
  starter: { membershipId: 'm', user: 'User/u' },
  requestId: 'r',
  request: '{}',
});

async function aJob(): Promise<string> {
  const job = newJob();
  expect(await use((connection) => insertJob(connection, job, 1_000))).toBe(true);
  return job.id;
}

async function claimed(id: string): Promise<LeasedJob> {
  const job = await use((connection) => claimJob(connection, id));
  if (job === undefined) throw new Error('the job cannot be claimed');
  return job;
}

/** As if whoever has the lease had been silent for long; somebody else takes the job over. */
async function takenOver(id: string): Promise<LeasedJob> {
  await t.owner.query(sql`UPDATE async_job SET lease_until = clock_timestamp() WHERE id = ${id}`);
  return claimed(id);
}

const find = async (id: string) => use((connection) => findJob(connection, undefined, id));

const goesOn = () => undefined;

async function repositoryUnder(job: LeasedJob, assertMayGoOn: () => void = goesOn): Promise<ResourceRepository> {
  const caller = { policy: memberPolicy, epoch: await t.epoch(), agent: 'User/u', requestId: 'r' };
  return new ResourceRepository(leasedDatabase(t.tenant, job, assertMayGoOn), caller);
}

describe('a lease', () => {
  test('is one at a time, and can be had again when it was given back or has run out', async () => {
    const id = await aJob();
    const job = await claimed(id);
    expect(job).toMatchObject({ id, fence: '1', kind: 'transaction', membership: 'm', request: '{}', wasBegun: false });
    expect(await use((connection) => claimJob(connection, id))).toBeUndefined();
    expect(await takenOver(id)).toMatchObject({ fence: '2', wasBegun: true });
    // The first one has nothing to give back.
    await use((connection) => returnLease(connection, job, { waitSeconds: 0, asNew: true }));
    expect(await use((connection) => claimJob(connection, id))).toBeUndefined();
    await use((connection) => returnLease(connection, { id, fence: '2' }, { waitSeconds: 0, asNew: true }));
    expect(await claimed(id)).toMatchObject({ fence: '3', wasBegun: false });
    await use((connection) => returnLease(connection, { id, fence: '3' }, { waitSeconds: 60, asNew: true }));
    expect(await use((connection) => claimJob(connection, id))).toBeUndefined();
  });

  test('lasts longer when it is renewed, which another one cannot be', async () => {
    const id = await aJob();
    const job = await claimed(id);
    const expire = () => t.owner.query(sql`UPDATE async_job SET lease_until = clock_timestamp() WHERE id = ${id}`);
    await expire();
    await use((connection) => renewLease(connection, { id, fence: '0' }));
    expect((await find(id))?.isLeft).toBe(true);
    await use((connection) => renewLease(connection, job));
    expect((await find(id))?.isLeft).toBe(false);
  });

  test('that is lost can note and end nothing any more', async () => {
    const id = await aJob();
    const [job, later] = [await claimed(id), await takenOver(id)];
    const end = { state: 'completed', result: '{}', status: 200 } as const;
    await expect(use((connection) => noteProgress(connection, job, 'x', {}))).rejects.toThrow(LeaseLost);
    await expect(use((connection) => endJob(connection, job, end))).rejects.toThrow(LeaseLost);
    await use((connection) => noteProgress(connection, later, 'half', { at: 1 }));
    expect(await find(id)).toMatchObject({ state: 'active', progress: 'half', watermark: { at: 1 }, isLeft: false });
    await use((connection) => endJob(connection, later, end));
    expect(await find(id)).toMatchObject({ state: 'completed', result: '{}', resultStatus: 200, isLeft: false });
    await expect(use((connection) => endJob(connection, later, end))).rejects.toThrow(LeaseLost);
  });

  test('that is lost can neither read, search nor write', async () => {
    const id = await aJob();
    const job = await claimed(id);
    const repository = await repositoryUnder(job);
    const { version } = await repository.create(aPatient());
    await use((connection) => removeJob(connection, id));
    const search = parseSearch(t.tenant.version, 'Patient', '_total=accurate', { handling: 'strict' });
    const bundle = text({ resourceType: 'Bundle', type: 'transaction' });
    const tries: (() => Promise<unknown>)[] = [
      () => repository.read('Patient', version.id),
      () => repository.search(search),
      () => repository.create(aPatient()),
      () => repository.update('Patient', version.id, aPatient({ id: version.id, active: false })),
      () => repository.delete('Patient', version.id),
      () => repository.processBundle(JSON.stringify(bundle.value), baseUrl),
    ];
    for (const attempt of tries) await expect(attempt()).rejects.toThrow(LeaseLost);
    expect((await (await t.repository()).read('Patient', version.id)).versionId).toBe(version.versionId);
  });

  test('is looked at after whatever else ends the work', async () => {
    const repository = await repositoryUnder(await claimed(await aJob()), () => {
      throw new Error('stopped');
    });
    await expect(repository.create(aPatient())).rejects.toThrow('stopped');
  });
});

describe('a transaction under a lease', () => {
  const entry = [{ request: { method: 'POST', url: 'Patient' }, resource: { resourceType: 'Patient', active: true } }];
  const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
  const patients = async () => (await t.rows<{ n: number }>(`SELECT count(*)::int AS n FROM resource`))[0]?.n ?? 0;

  test('is kept together with its end, or not at all', async () => {
    const before = await patients();
    const id = await aJob();
    const job = await claimed(id);
    const repository = await repositoryUnder(job);
    const beforeCommit = (transaction: Connection, result: string) =>
      endJob(transaction, job, { state: 'completed', result, status: 200 });
    const failing = async (transaction: Connection, result: string) => {
      await beforeCommit(transaction, result);
      throw new Error('the process ends here');
    };
    await expect(repository.processBundle(bundle, baseUrl, { beforeCommit: failing })).rejects.toThrow('ends here');
    expect([await patients(), (await find(id))?.state]).toEqual([before, 'active']);
    const answer = await repository.processBundle(bundle, baseUrl, { beforeCommit });
    expect(await find(id)).toMatchObject({ state: 'completed', result: answer });
    expect(await patients()).toBe(before + 1);
    // The same once more is not possible.
    await expect(repository.processBundle(bundle, baseUrl, { beforeCommit })).rejects.toThrow(LeaseLost);
    expect(await patients()).toBe(before + 1);
  });

  test('cannot be taken over while it may still commit', async () => {
    const id = await aJob();
    const job = await claimed(id);
    const repository = await repositoryUnder(job);
    const beforeCommit = async () => {
      await t.owner.query(sql`SELECT 1`);
      expect(await use((connection) => claimJob(connection, id))).toBeUndefined();
    };
    await t.owner.query(sql`UPDATE async_job SET lease_until = clock_timestamp() WHERE id = ${id}`);
    await repository.processBundle(bundle, baseUrl, { beforeCommit });
    expect(await claimed(id)).toMatchObject({ fence: '2', wasBegun: true });
  });
});

describe('the jobs of a project', () => {
  test('that have not ended are limited, however many come at once', async () => {
    await t.owner.query(sql`DELETE FROM async_job`);
    const kept = await Promise.all(
      Array.from({ length: 8 }, () => use((connection) => insertJob(connection, newJob(), 3))),
    );
    expect(kept.filter(Boolean)).toHaveLength(3);
  });

  test('are found under the rights of this moment alone', async () => {
    const id = await aJob();
    const epoch = await t.epoch();
    expect((await use((connection) => findJob(connection, epoch, id)))?.id).toBe(id);
    const other = randomUUID();
    expect(await use((connection) => findJob(connection, epoch, other))).toBeUndefined();
    const stale = String(Number(epoch) - 1);
    await expect(use((connection) => findJob(connection, stale, other))).rejects.toThrow(StaleRights);
  });
});
