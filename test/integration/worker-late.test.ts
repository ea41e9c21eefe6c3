/** Workers that wake up after another one has gone on in their place, and builds that go on after their worker. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  ClusterRepository,
  DataKeyRepository,
  type Operation,
  TenantDatabaseRepository,
  Transactions,
} from '#control-database';
import { DomainError } from '#platform';
import { connectOnce, sql } from '#postgres';
import { ClusterAdmins } from '../../apps/worker/src/clusters/cluster-admins.js';
import type { OnStep, StepEvent } from '../../apps/worker/src/lifecycle/operation-run.js';
import { TenantDatabaseRemover } from '../../apps/worker/src/tenant-databases/tenant-database-remover.js';
import { WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await bench.stopWorkers();
});

afterAll(() => bench.close());

/** Longer than any test, so that a worker that stands still believes that its lease holds. */
const neverExpires = 10 * 60_000;

/** A place where the first who comes stands still until it is let go. */
class Stall {
  readonly reached: Promise<void>;
  letGo!: () => void;
  private arrive!: () => void;
  private readonly opened: Promise<void>;
  private taken = false;

  constructor() {
    this.reached = new Promise((resolve) => (this.arrive = resolve));
    this.opened = new Promise((resolve) => (this.letGo = resolve));
  }

  async pass(): Promise<void> {
    if (this.taken) return;
    this.taken = true;
    this.arrive();
    await this.opened;
  }
}

const stallAt =
  (stall: Stall, step: string, at: StepEvent['at']): OnStep =>
  async (event) => {
    if (event.step === step && event.at === at) await stall.pass();
  };

/** As when nothing was heard of the worker for the time of its lease: another one finishes what it has begun. */
async function finishedByAnother(operationId: string, onStep?: OnStep): Promise<Operation> {
  await bench.expireLeases();
  await bench.startWorker({ sparesPerCluster: 1, onStep });
  return bench.ended(operationId);
}

/** Lets the worker that stood still go on until it has nothing more to do. */
async function wakeUp(stall: Stall): Promise<void> {
  stall.letGo();
  await bench.stopWorkers();
}

/** As the control plane does for `POST /operations/{id}/retry`. */
async function retry(operationId: string, projectId: string): Promise<Operation> {
  await new Transactions(bench.dataSource).run(async (transaction) => {
    await bench.projects.getForUpdate(projectId, transaction);
    await bench.operations.retry(operationId, transaction);
    await bench.projects.provisionAgain(projectId, transaction);
  });
  await bench.wake(operationId);
  return bench.ended(operationId);
}

async function inTenant<T>(projectId: string, statement: ReturnType<typeof sql>): Promise<T[]> {
  const tenant = await connectOnce(await bench.loginOf(await bench.databaseOf(projectId)));
  try {
    return (await tenant.query(statement)) as T[];
  } finally {
    await tenant.close();
  }
}

const impossible = () => new DomainError('unprocessable', 'no-such-thing', 'There is no such thing here.');

test('a late worker puts no secret of the admin client back into force that was replaced meanwhile', async () => {
  const stall = new Stall();
  const onStep = stallAt(stall, 'replace secret', 'starting');
  await bench.startWorker({ sparesPerCluster: 1, leaseMs: neverExpires, onStep });
  const { id } = await bench.anActiveProject();
  const { adminClient } = (await bench.operations.findParams(id, 'project.create')) as {
    adminClient: { clientId: string };
  };
  const rotate = (secretSha256: string) =>
    bench.queueOperation('project.rotate-admin-client', id, {
      adminClient: { clientId: adminClient.clientId, secretSha256 },
    });
  const [leaked, good] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const begun = await rotate(leaked);
  await stall.reached;
  expect((await finishedByAnother(begun)).state).toBe('succeeded');
  expect((await bench.ended(await rotate(good))).state).toBe('succeeded');

  await wakeUp(stall);
  const secrets = await inTenant(
    id,
    sql`SELECT encode(secret_hash, 'hex') AS secret FROM client_secret WHERE client_id = ${adminClient.clientId}`,
  );
  expect(secrets).toEqual([{ secret: good }]);
});

test('a late worker puts no settings back into force that were changed meanwhile', async () => {
  const stall = new Stall();
  const onStep = stallAt(stall, 'write settings', 'starting');
  await bench.startWorker({ sparesPerCluster: 1, leaseMs: neverExpires, onStep });
  const { id } = await bench.anActiveProject();
  const configure = (strictMode: boolean) =>
    bench.queueOperation('project.configure', id, {
      strictMode,
      validationLevel: 'invariants',
      features: [],
      auditRetentionDays: null,
    });
  const begun = await configure(false);
  await stall.reached;
  expect((await finishedByAnother(begun)).state).toBe('succeeded');
  expect((await bench.ended(await configure(true))).state).toBe('succeeded');

  await wakeUp(stall);
  const [project] = await inTenant<{ body: string }>(id, sql`SELECT body FROM resource WHERE type = 'Project'`);
  expect(JSON.parse(project!.body)).toMatchObject({ strictMode: true });
});

test('a late worker that takes a project back drops nothing of its second try', async () => {
  const stall = new Stall();
  const stalling = stallAt(stall, 'seed', 'undone');
  let failures = 1;
  const onStep: OnStep = async (event) => {
    if (event.step === 'seed' && event.at === 'performed' && failures-- > 0) throw impossible();
    await stalling(event);
  };
  await bench.startWorker({ sparesPerCluster: 1, leaseMs: neverExpires, onStep });
  const { projectId, operationId } = await bench.createProject();
  await stall.reached;
  expect((await finishedByAnother(operationId)).state).toBe('failed');
  expect((await retry(operationId, projectId)).state).toBe('succeeded');
  const database = await bench.databaseOf(projectId);

  await wakeUp(stall);
  expect((await bench.projects.get(projectId)).state).toBe('active');
  expect(await bench.databaseOf(projectId)).toEqual(database);
  expect(await bench.resourceCounts(database)).toMatchObject({ Project: 1 });
});

test('a late worker plans no database for a project that was given up meanwhile', async () => {
  const stall = new Stall();
  const claim = bench.tenantDatabases.claimSpare.bind(bench.tenantDatabases);
  jest.spyOn(TenantDatabaseRepository.prototype, 'claimSpare').mockImplementation(async (...question) => {
    const answer = await claim(...question);
    await stall.pass();
    return answer;
  });
  let starts = 0;
  const onStep: OnStep = ({ step, at }) => {
    if (step === 'place' && at === 'starting' && ++starts > 1) throw impossible();
  };
  await bench.withoutSpares(async () => {
    await bench.startWorker({ sparesPerCluster: 0, leaseMs: neverExpires, onStep });
    const { projectId, operationId } = await bench.createProject();
    await stall.reached;
    expect((await finishedByAnother(operationId, onStep)).state).toBe('failed');

    await wakeUp(stall);
    expect(await bench.tenantDatabases.listOfProject(projectId)).toEqual([]);
  });
});

test('a project is not given up while a process that a dead worker has left behind makes its database', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  await bench.spares(1);
  await bench.stopWorkers();
  const disk = new Stall();
  // Nothing is copied from the template before this is over, as on a disk that is slow.
  const slowDisk = bench.dataSource.transaction(async (manager) => {
    const [comment] = await manager.query<{ text: string }[]>(
      `SELECT format('COMMENT ON DATABASE %I IS %L', datname, shobj_description(oid, 'pg_database')) AS text
         FROM pg_database WHERE datname LIKE 'boxyard\\_template\\_%'`,
    );
    await manager.query(comment!.text);
    await disk.pass();
  });
  await disk.reached;
  await bench.withoutSpares(async () => {
    const child = bench.spawnWorker({ SPARES: '0', LEASE_MS: String(neverExpires) });
    const { operationId, projectId } = await bench.createProject();
    await bench.until('the database is being made', async () => {
      const waiting = await bench.admin.query(
        sql`SELECT FROM pg_stat_activity WHERE query LIKE '%CREATE DATABASE%' AND wait_event_type = 'Lock'`,
      );
      return waiting.length > 0 ? true : undefined;
    });
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    await bench.expireLeases();
    const failing: OnStep = ({ step, at }) => {
      if (step === 'place' && at === 'starting') throw impossible();
    };
    await bench.startWorker({ sparesPerCluster: 0, onStep: failing });
    const tried = await bench.until('it was tried to take the project back', async () => {
      const operation = await bench.operations.get(operationId);
      return operation.attempt > 1 && operation.state !== 'running' ? operation : undefined;
    });
    expect(tried).toMatchObject({ state: 'queued', error: { code: 'no-such-thing' } });
    expect(await bench.tenantDatabases.listOfProject(projectId)).toMatchObject([{ state: 'trash' }]);

    disk.letGo();
    await slowDisk;
    expect(await bench.ended(operationId)).toMatchObject({ state: 'failed', error: { code: 'no-such-thing' } });
  });
  await bench.assertNoOrphans();
});

test('a database that is not given up is not removed, whoever asks for it', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  const database = await bench.databaseOf((await bench.anActiveProject()).id);
  const admins = new ClusterAdmins(bench.config.databaseUrl!);
  const remover = new TenantDatabaseRemover({
    tenantDatabases: bench.tenantDatabases,
    clusters: new ClusterRepository(bench.dataSource),
    dataKeys: new DataKeyRepository(bench.dataSource),
    transactions: new Transactions(bench.dataSource),
    admins,
  });
  try {
    // What it was asked with is an old row.
    const old = { ...database, state: 'trash' as const };
    for (const attempt of [() => remover.remove(old), () => remover.drop(old)]) {
      await expect(attempt()).rejects.toThrow('is recorded as claimed');
    }
  } finally {
    await admins.close();
  }
  expect(await bench.resourceCounts(database)).toMatchObject({ Project: 1 });
});
