import { readFileSync } from 'node:fs';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { Transactions } from '#control-database';
import { DomainError } from '#platform';
import { compiledSql, connectOnce, identifier, sql } from '#postgres';
import { createProject } from '../../apps/worker/src/lifecycle/actions/create-project.action.js';
import type { LifecycleAction, Step } from '../../apps/worker/src/lifecycle/lifecycle-action.js';
import { lifecycleActions } from '../../apps/worker/src/lifecycle/lifecycle-actions.js';
import type { StepEvent } from '../../apps/worker/src/lifecycle/operation-run.js';
import { endChild, lineWith, WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
});

afterEach(() => bench.stopWorkers());

afterAll(() => bench.close());

const stepNames = createProject.steps.map(({ name }) => name);

describe('the first start', () => {
  const onTemplate = async () => {
    const [row] = await bench.admin.query<{ name: string; finished: boolean }>(
      sql`SELECT datname AS name, datistemplate AND NOT datallowconn AS finished FROM pg_database
           WHERE datname LIKE 'boxyard\\_template\\_%'`,
    );
    return row;
  };

  test('of a worker that is killed while it builds the template leaves nothing that a later one would use', async () => {
    const child = bench.spawnWorker({ SPARES: '0' });
    while ((await onTemplate()) === undefined) expect(child.exitCode).toBeNull();
    await endChild(child, 'SIGKILL');
    expect(await onTemplate()).toMatchObject({ finished: false });

    await bench.startWorker({ sparesPerCluster: 1 });
    await bench.spares(1);
    expect(await onTemplate()).toMatchObject({ finished: true });
    await bench.assertNoOrphans();
  });

  test('of two workers at once gives one cluster, one template and one stock', async () => {
    const { name } = (await onTemplate())!;
    await bench.admin.query(sql`ALTER DATABASE ${identifier(name)} IS_TEMPLATE false`);
    await bench.admin.query(sql`DROP DATABASE ${identifier(name)}`);
    await Promise.all([bench.startWorker({ sparesPerCluster: 3 }), bench.startWorker({ sparesPerCluster: 3 })]);
    expect(await bench.spares(3)).toHaveLength(3);
    expect(await onTemplate()).toEqual({ name, finished: true });
    const clusters = await bench.dataSource.query<object[]>('SELECT name, admin_secret, template_version FROM cluster');
    expect(clusters).toEqual([{ name: 'default', admin_secret: null, template_version: TENANT_SCHEMA_VERSION }]);
    await bench.assertNoOrphans();
  });

  test('keeps as many spares as the cluster says', async () => {
    await bench.dataSource.query('UPDATE cluster SET spare_target = 4');
    await bench.startWorker({});
    expect(await bench.spares(4)).toHaveLength(4);
    await bench.dataSource.query('UPDATE cluster SET spare_target = DEFAULT');
  });

  test('registers the server with its own limits', async () => {
    const [cluster] = await bench.dataSource.query<object[]>('SELECT * FROM cluster');
    const { hostname, port } = new URL(bench.config.databaseUrl!);
    expect(cluster).toMatchObject({ host: hostname, port: Number(port), max_connections: 500, state: 'active' });
  });
});

describe('a failing step', () => {
  const failAt = (failing: Map<string, { step: string; at: StepEvent['at']; times: number; error: () => Error }>) => {
    return ({ operationId, step, at }: StepEvent): void => {
      const failure = failing.get(operationId);
      if (failure?.step !== step || failure.at !== at || failure.times-- <= 0) return;
      throw failure.error();
    };
  };
  const broken = () => new Error('the disk of fp_secret is full');

  test('that goes on failing ends in `failed`, says which step it was, and leaves nothing behind', async () => {
    const failing = new Map<string, { step: string; at: StepEvent['at']; times: number; error: () => Error }>();
    const cases = await Promise.all(
      stepNames.flatMap((step) =>
        (['starting', 'performed'] as const).map(async (at) => {
          const created = await bench.createProject({ wake: false });
          failing.set(created.operationId, { step, at, times: Infinity, error: broken });
          return { ...created, step };
        }),
      ),
    );
    await bench.startWorker({ sparesPerCluster: 2, onStep: failAt(failing) });
    for (const { operationId, projectId, step } of cases) {
      const { state, error, attempt } = await bench.ended(operationId);
      expect({ state, error, attempt }).toEqual({
        state: 'failed',
        error: { code: 'step-failed', step, message: expect.stringContaining(step), retryable: true },
        attempt: 5,
      });
      expect(JSON.stringify(error)).not.toContain('fp_secret');
      expect(await bench.projects.get(projectId)).toMatchObject({ state: 'failed', reason: 'provisioning-failed' });
      const steps = await bench.operations.listSteps(operationId);
      expect(steps.filter((row) => row.state === 'failed').map(({ name }) => name)).toEqual([step]);
      const databases = await bench.tenantDatabases.listOfProject(projectId);
      expect(databases.every((database) => database.state === 'dropped' && database.dataKeyId === null)).toBe(true);
    }
    await bench.spares(2);
    await bench.assertNoOrphans();
  }, 300_000);

  test('that fails once, anywhere, is tried again and succeeds', async () => {
    const failing = new Map<string, { step: string; at: StepEvent['at']; times: number; error: () => Error }>();
    const operations = await Promise.all(
      stepNames.flatMap((step) =>
        (['starting', 'performed'] as const).map(async (at) => {
          const { operationId } = await bench.createProject({ wake: false });
          failing.set(operationId, { step, at, times: 1, error: broken });
          return operationId;
        }),
      ),
    );
    await bench.startWorker({ sparesPerCluster: 2, onStep: failAt(failing) });
    for (const operationId of operations) {
      const operation = await bench.ended(operationId);
      expect(operation).toMatchObject({ state: 'succeeded', attempt: 2, error: null });
      expect((await bench.operations.listSteps(operationId)).map(({ state, error }) => [state, error])).toEqual(
        stepNames.map(() => ['done', null]),
      );
    }
    await bench.spares(2);
    await bench.assertNoOrphans();
  }, 300_000);

  test('with an error that would come again ends the operation at once', async () => {
    const { operationId, projectId } = await bench.createProject({ wake: false });
    const error = () => new DomainError('unprocessable', 'no-such-thing', 'There is no such thing here.');
    const failing = new Map([[operationId, { step: 'seed', at: 'starting' as const, times: 1, error }]]);
    await bench.startWorker({ onStep: failAt(failing) });
    expect(await bench.ended(operationId)).toMatchObject({
      state: 'failed',
      attempt: 1,
      error: { code: 'no-such-thing', step: 'seed', message: 'There is no such thing here.', retryable: false },
    });
    expect((await bench.projects.get(projectId)).state).toBe('failed');
    const databases = await bench.tenantDatabases.listOfProject(projectId);
    expect(databases.map(({ state, dataKeyId }) => [state, dataKeyId])).toEqual([['dropped', null]]);
    await bench.spares(5);
    await bench.assertNoOrphans();

    // As the control plane does for `POST /operations/{id}/retry`.
    await new Transactions(bench.dataSource).run(async (transaction) => {
      expect(await bench.operations.retry(operationId, transaction)).toMatchObject({ state: 'queued', error: null });
      await bench.projects.provisionAgain(projectId, transaction);
    });
    await bench.wake(operationId);
    expect(await bench.ended(operationId)).toMatchObject({ state: 'succeeded', attempt: 1, error: null });
    const project = await bench.projects.get(projectId);
    const database = await bench.databaseOf(projectId);
    expect(project).toMatchObject({ state: 'active', reason: null, dataKeyId: database.dataKeyId });
    expect(await bench.resourceCounts(database)).toMatchObject({ Project: 1 });
    await bench.assertNoOrphans();
  });
});

/** The same action with every function run twice in a row. */
function doubled<Kind extends keyof typeof lifecycleActions>(action: LifecycleAction<Kind>): LifecycleAction<Kind> {
  const twice = (step: Step<Kind>): Step<Kind> => ({
    name: step.name,
    do: async (context) => {
      await step.do?.(context);
      await step.do?.(context);
    },
    record: async (context, transaction) => {
      await step.record?.(context, transaction);
      await step.record?.(context, transaction);
    },
    undo: async (context) => {
      await step.undo?.(context);
      await step.undo?.(context);
    },
  });
  return { ...action, steps: action.steps.map(twice) };
}

const doubledActions = {
  'project.create': doubled(lifecycleActions['project.create']),
  'project.delete': doubled(lifecycleActions['project.delete']),
  'project.purge': doubled(lifecycleActions['project.purge']),
  'project.rotate-admin-client': doubled(lifecycleActions['project.rotate-admin-client']),
  'project.configure': doubled(lifecycleActions['project.configure']),
  'cluster.register': doubled(lifecycleActions['cluster.register']),
};

const settings = { strictMode: false, validationLevel: 'structure', features: ['email'], auditRetentionDays: 90 };

describe('settings that cannot be written', () => {
  test.each([
    ['is not valid', `UPDATE resource SET body = replace(body, '"name"', '"nmae"') WHERE type = 'Project'`, 'nmae'],
    ['has been deleted', `UPDATE resource SET deleted = true WHERE type = 'Project'`, 'Gone'],
  ])('end their operation at once, and say why: the Project %s', async (_, damage, reason) => {
    await bench.startWorker({ sparesPerCluster: 1 });
    const { id } = await bench.anActiveProject();
    const tenant = await connectOnce(await bench.loginOf(await bench.databaseOf(id)));
    await tenant.query(compiledSql({ text: damage, values: [] }));
    await tenant.close();
    const operation = await bench.queueOperation('project.configure', id, settings);
    expect(await bench.ended(operation)).toMatchObject({
      state: 'failed',
      attempt: 1,
      error: { code: 'project-not-configurable', retryable: false, message: expect.stringContaining(reason) },
    });
    expect((await bench.projects.get(id)).state).toBe('active');
  });
});

describe('every step run twice', () => {
  test('gives the same project as run once, and the same nothing when it is deleted', async () => {
    await bench.startWorker({ actions: doubledActions, sparesPerCluster: 1 });
    const project = await bench.anActiveProject();
    const database = await bench.databaseOf(project.id);
    expect(await bench.resourceCounts(database)).toEqual({ Project: 1, ClientApplication: 1, ProjectMembership: 1 });
    expect(await bench.signingKeyStates(project.id)).toEqual(['signing']);
    expect(await bench.tenantDatabases.listOfProject(project.id)).toHaveLength(1);

    await bench.softDelete(project.id);
    const deletion = await bench.queueOperation('project.delete', project.id);
    expect((await bench.ended(deletion)).state).toBe('succeeded');
    const purge = await bench.queueOperation('project.purge', project.id);
    expect((await bench.ended(purge)).state).toBe('succeeded');
    await bench.spares(1);
    await bench.assertNoOrphans();
  });

  test('writes the settings of a project once, and nothing when they are written again', async () => {
    await bench.startWorker({ actions: doubledActions, sparesPerCluster: 1 });
    const { id } = await bench.anActiveProject();
    const tenant = await connectOnce(await bench.loginOf(await bench.databaseOf(id)));
    try {
      const run = async (): Promise<object> => {
        const operation = await bench.queueOperation('project.configure', id, settings);
        expect((await bench.ended(operation)).state).toBe('succeeded');
        const [row] = await tenant.query<object>(sql`
          SELECT epoch, version FROM security_epoch, resource WHERE type = 'Project' AND fhir_id = ${id}`);
        return row!;
      };
      const once = await run();
      expect(once).toMatchObject({ epoch: '2' });
      expect(await run()).toEqual(once);
    } finally {
      await tenant.close();
    }
  });

  test('takes a project back when it fails, as run once', async () => {
    const { operationId, projectId } = await bench.createProject({ wake: false });
    const onStep = (event: StepEvent) => {
      if (event.operationId !== operationId || event.step !== 'publish' || event.at !== 'starting') return;
      throw new DomainError('unprocessable', 'not-today', 'Not today.');
    };
    await bench.startWorker({ actions: doubledActions, onStep, sparesPerCluster: 1 });
    expect((await bench.ended(operationId)).state).toBe('failed');
    const [database] = await bench.tenantDatabases.listOfProject(projectId);
    expect(database).toMatchObject({ state: 'dropped' });
    await bench.spares(1);
    await bench.assertNoOrphans();
  });
});

describe('two workers', () => {
  test('never run a step of one operation at once, however often they are woken', async () => {
    const running = new Set<string>();
    const recorded: string[] = [];
    const overlaps: string[] = [];
    const onStep = ({ at, operationId, step }: StepEvent): void => {
      if (at === 'starting' && running.has(operationId)) overlaps.push(`${operationId} ${step}`);
      if (at === 'starting') running.add(operationId);
      if (at === 'performed') running.delete(operationId);
      if (at === 'recorded') recorded.push(`${operationId} ${step}`);
    };
    await bench.startWorker({ onStep, sparesPerCluster: 2 });
    await bench.startWorker({ onStep, sparesPerCluster: 2 });
    const created = await Promise.all(Array.from({ length: 12 }, () => bench.createProject()));
    for (const { operationId } of created) await Promise.all([bench.wake(operationId), bench.wake(operationId)]);
    const ended = await Promise.all(created.map(({ operationId }) => bench.ended(operationId)));
    expect(ended.map(({ state, attempt }) => [state, attempt])).toEqual(created.map(() => ['succeeded', 1]));
    expect(overlaps).toEqual([]);
    // The end of an operation is seen in the database a moment before its worker tells of the last step.
    const all = created.length * stepNames.length;
    await bench.until('every step is told', async () => (recorded.length >= all ? true : undefined));
    expect(recorded).toHaveLength(all);
    expect(new Set(recorded).size).toBe(recorded.length);
  });

  test.each(['place', 'seed', 'publish'])(
    'a worker that slept through its lease in the step %s changes nothing when it wakes up',
    async (step) => {
      const child = bench.spawnWorker({
        STEP: step,
        AT: 'performed',
        SIGNAL: 'SIGSTOP',
        // Its lease ends when the test says so, and not before that on a slow machine.
        LEASE_MS: String(10 * 60_000),
        SPARES: '0',
      });
      const { operationId, projectId } = await bench.createProject();
      await bench.until('the worker sleeps', async () => (isStopped(child.pid!) ? true : undefined));
      await bench.expireLeases();
      await bench.startWorker({ sparesPerCluster: 1 });
      expect(await bench.ended(operationId)).toMatchObject({ state: 'succeeded', attempt: 2 });
      const before = await everythingAbout(projectId, operationId);

      child.kill('SIGCONT');
      expect(await lineWith(child, 'lease lost')).toContain(operationId);
      await endChild(child, 'SIGTERM');
      expect(await everythingAbout(projectId, operationId)).toEqual(before);
      await bench.spares(1);
      await bench.assertNoOrphans();
    },
  );

  test('an operation that was queued while nobody listened is found', async () => {
    const { operationId } = await bench.createProject({ wake: false });
    await bench.startWorker();
    expect((await bench.ended(operationId)).state).toBe('succeeded');
  });

  test('an operation of a kind that this release does not know is left to another one', async () => {
    const project = await bench.createProject({ wake: false });
    await bench.dataSource.query(`UPDATE operation SET kind = 'project.teleport' WHERE id = $1`, [project.operationId]);
    await bench.startWorker();
    const left = await bench.until('it is left', async () => {
      const operation = await bench.operations.get(project.operationId);
      return operation.attempt > 0 && operation.state === 'queued' ? operation : undefined;
    });
    expect(left.error).toMatchObject({ code: 'unknown-operation-kind' });
    expect((await bench.projects.get(project.projectId)).state).toBe('provisioning');
    await bench.dataSource.query(`UPDATE operation SET state = 'cancelled' WHERE id = $1`, [project.operationId]);
  });
});

/** Rows of the control database and of the tenant, to be compared before and after. */
async function everythingAbout(projectId: string, operationId: string): Promise<unknown> {
  const database = await bench.databaseOf(projectId);
  const tenant = await connectOnce(await bench.loginOf(database));
  try {
    return {
      database,
      project: await bench.dataSource.query('SELECT * FROM project WHERE id = $1', [projectId]),
      operation: await bench.dataSource.query('SELECT * FROM operation WHERE id = $1', [operationId]),
      steps: await bench.operations.listSteps(operationId),
      keys: await bench.dataSource.query('SELECT * FROM signing_key WHERE project_id = $1', [projectId]),
      resources: await tenant.query(sql`SELECT * FROM resource ORDER BY id`),
      history: await tenant.query(sql`SELECT * FROM resource_history ORDER BY resource_id, version`),
    };
  } finally {
    await tenant.close();
  }
}

function isStopped(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('T') ?? false;
}
