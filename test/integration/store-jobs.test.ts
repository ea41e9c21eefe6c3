/** Jobs in a tenant database: who has no lease any more can do nothing. */
import { randomUUID } from 'node:crypto';
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
  withdrawExpiredJobs,
  withdrawJob,
  type JobLimits,
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
type NewJob = Parameters<typeof insertJob>[1];
const newJob = (): NewJob => ({
  id: randomUUID(),
  kind: 'transaction',
  membership: 'm',
  starter: { membershipId: 'm', user: 'User/u' },
  requestId: 'r',
  request: Buffer.from('{}'),
});

const plenty = { membership: 1_000, project: 1_000 };
const limits = { unfinished: plenty, exports: plenty, others: plenty };

async function aJob(): Promise<string> {
  const job = newJob();
  expect(await use((connection) => insertJob(connection, job, limits))).toBeUndefined();
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
    expect(job).toMatchObject({ id, fence: '1', kind: 'transaction', membership: 'm', request: Buffer.from('{}') });
    expect(job).toMatchObject({ wasBegun: false, takeovers: 0, faults: 0 });
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
    const end = { state: 'completed', result: Buffer.from('{}'), status: 200 } as const;
    await expect(use((connection) => noteProgress(connection, job, 'x', {}))).rejects.toThrow(LeaseLost);
    await expect(use((connection) => endJob(connection, job, end))).rejects.toThrow(LeaseLost);
    await use((connection) => noteProgress(connection, later, 'half', { at: 1 }));
    expect(await find(id)).toMatchObject({ state: 'active', progress: 'half', watermark: { at: 1 }, isLeft: false });
    await use((connection) => endJob(connection, later, end));
    expect(await find(id)).toMatchObject({
      state: 'completed',
      result: Buffer.from('{}'),
      resultStatus: 200,
      isLeft: false,
    });
    await expect(use((connection) => endJob(connection, later, end))).rejects.toThrow(LeaseLost);
  });

  test('that is lost can neither read, search nor write', async () => {
    const id = await aJob();
    const job = await claimed(id);
    const repository = await repositoryUnder(job);
    const { version } = await repository.create(aPatient());
    await use((connection) => withdrawJob(connection, id));
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
      endJob(transaction, job, { state: 'completed', result: Buffer.from(result), status: 200 });
    const failing = async (transaction: Connection, result: string) => {
      await beforeCommit(transaction, result);
      throw new Error('the process ends here');
    };
    await expect(repository.processBundle(bundle, baseUrl, { beforeCommit: failing })).rejects.toThrow('ends here');
    expect([await patients(), (await find(id))?.state]).toEqual([before, 'active']);
    const answer = await repository.processBundle(bundle, baseUrl, { beforeCommit });
    expect(await find(id)).toMatchObject({ state: 'completed', result: Buffer.from(answer) });
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
  const kept = (job: Partial<NewJob>, at: Partial<JobLimits>) =>
    use((connection) => insertJob(connection, { ...newJob(), ...job }, { ...limits, ...at }));
  beforeEach(() => t.owner.query(sql`DELETE FROM async_job`));

  test('that have not ended are limited, however many come at once', async () => {
    const unfinished = { membership: 1_000, project: 3 };
    const reached = await Promise.all(Array.from({ length: 8 }, () => kept({}, { unfinished })));
    expect(reached.filter((limit) => limit === undefined)).toHaveLength(3);
    expect(reached).toContainEqual({ of: 'unfinished', whose: 'project', max: 3 });
  });

  test('are limited for each member, who leaves room for others', async () => {
    const unfinished = { membership: 1, project: 3 };
    expect(await kept({}, { unfinished })).toBeUndefined();
    expect(await kept({}, { unfinished })).toEqual({ of: 'unfinished', whose: 'membership', max: 1 });
    expect(await kept({ membership: 'other' }, { unfinished })).toBeUndefined();
  });

  test.each([
    ['export', 'exports'],
    ['batch', 'others'],
  ] as const)('of kind %s are limited when they have ended too, until they are removed or expire', async (kind, of) => {
    const ended = () => t.owner.query(sql`UPDATE async_job SET state = 'completed'`);
    const at = { [of]: { membership: 2, project: 3 } };
    const other = kind === 'export' ? 'batch' : 'export';
    for (const membership of ['m', 'm', 'o']) expect(await kept({ kind, membership }, at)).toBeUndefined();
    await ended();
    expect(await kept({ kind }, at)).toEqual({ of, whose: 'membership', max: 2 });
    expect(await kept({ kind, membership: 'o' }, at)).toEqual({ of, whose: 'project', max: 3 });
    expect(await kept({ kind: other }, at)).toBeUndefined();
    await t.owner.query(sql`UPDATE async_job SET expires_at = clock_timestamp() WHERE membership = 'o'`);
    expect(await kept({ kind, membership: 'o' }, at)).toBeUndefined();
  });

  test('that were withdrawn answer nothing, cannot be carried out, and are told until they are removed', async () => {
    const [id, done, expired] = [await aJob(), await aJob(), await aJob()];
    const job = await claimed(id);
    await use((connection) => noteProgress(connection, job, 'half', { at: 1 }));
    const end = { state: 'completed', result: Buffer.from('{}'), status: 200 } as const;
    const ending = await claimed(done);
    await use((connection) => endJob(connection, ending, end));
    const left = { id, kind: 'transaction', watermark: { at: 1 } };
    expect(await use((connection) => withdrawJob(connection, id))).toEqual({ ...left, hadEnded: false });
    expect(await use((connection) => withdrawJob(connection, id))).toBeUndefined();
    expect(await use((connection) => withdrawJob(connection, done))).toMatchObject({ hadEnded: true });
    expect(await find(id)).toBeUndefined();
    await expect(use((connection) => endJob(connection, job, end))).rejects.toThrow(LeaseLost);
    expect(await use((connection) => claimJob(connection, id))).toBeUndefined();
    const texts = await t.rows(`SELECT DISTINCT request, result FROM async_job WHERE state = 'removed'`);
    expect(texts).toEqual([{ request: null, result: null }]);

    await use((connection) => removeJob(connection, done));
    await use((connection) => removeJob(connection, expired));
    expect(await use(withdrawExpiredJobs)).toEqual([left]);
    await t.owner.query(sql`UPDATE async_job SET expires_at = clock_timestamp() WHERE id = ${expired}`);
    const found = await use(withdrawExpiredJobs);
    expect(found.map((other) => other.id).sort()).toEqual([id, expired].sort());
    for (const other of found) await use((connection) => removeJob(connection, other.id));
    expect(await use(withdrawExpiredJobs)).toEqual([]);
  });

  test('cannot be withdrawn while somebody commits what one writes: they are asked to come back', async () => {
    const id = await aJob();
    await t.owner.transaction(async (transaction) => {
      await transaction.query(sql`SELECT FROM async_job WHERE id = ${id} FOR NO KEY UPDATE`);
      const withdrawing = use((connection) => withdrawJob(connection, id));
      await expect(withdrawing).rejects.toMatchObject({ category: 'unavailable' });
    });
    expect(await use((connection) => withdrawJob(connection, id))).toMatchObject({ id });
  });

  test('count how often a lease ran out and how often something unforeseen happened, and not how often one was given back', async () => {
    const id = await aJob();
    let job = await claimed(id);
    const given = async (isFault: boolean) => {
      await use((connection) => returnLease(connection, job, { waitSeconds: 0, asNew: true, isFault }));
      job = await claimed(id);
      return [job.takeovers, job.faults];
    };
    expect(await given(false)).toEqual([0, 0]);
    expect(await given(true)).toEqual([0, 1]);
    expect(await takenOver(id)).toMatchObject({ takeovers: 1, faults: 1 });
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
