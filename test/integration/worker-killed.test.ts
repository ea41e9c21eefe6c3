import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connectOnce, sql } from '#postgres';
import { runs } from '#testing';
import { configureProject } from '../../apps/worker/src/lifecycle/actions/configure-project.action.js';
import { createProject } from '../../apps/worker/src/lifecycle/actions/create-project.action.js';
import { purgeProject } from '../../apps/worker/src/lifecycle/actions/purge-project.action.js';
import { rotateAdminClient } from '../../apps/worker/src/lifecycle/actions/rotate-admin-client.action.js';
import { endChild, WorkerBench } from './worker.fixture.js';

/** Longer than any test, so that a dead worker's operation is only taken up when the test says so. */
const neverExpires = String(10 * 60_000);

const isDeep = runs({ sample: 0, deep: 1 }) === 1;

let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
});

afterEach(() => bench.stopWorkers());

afterAll(() => bench.close());

describe('a worker that is killed', () => {
  /**
   * The steps of an action, each with the moments at which a worker dies in it. What is done and not recorded is what may go
   * wrong; before a step everything is as after the one before it, so that by default this is tried for the first one only.
   */
  const killsIn = (steps: readonly { readonly name: string }[]): { name: string; at: string }[] =>
    steps.flatMap(({ name }, index) => {
      const moments = ['performed'];
      if (index === 0 || isDeep) moments.unshift('starting');
      if (index === steps.length - 1 || isDeep) moments.push('recorded');
      return moments.map((at) => ({ name, at }));
    });

  /** Lets a worker of its own run the operation and die at that moment of that step. */
  const killedAt = async (step: string, at: string): Promise<void> => {
    const child = bench.spawnWorker({ STEP: step, AT: at, LEASE_MS: neverExpires, SPARES: '1' });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
  };

  test('at any moment of any step of project.create leaves a project that another worker finishes', async () => {
    const operations: string[] = [];
    for (const { name, at } of killsIn(createProject.steps)) {
      const { operationId } = await bench.createProject();
      await killedAt(name, at);
      operations.push(operationId);
      const { state } = await bench.operations.get(operationId);
      const isPublished = name === 'publish' && at === 'recorded';
      expect([name, at, state]).toEqual([name, at, isPublished ? 'succeeded' : 'running']);
    }
    await bench.expireLeases();
    await bench.startWorker({ sparesPerCluster: 1 });
    const ended = await Promise.all(operations.map((id) => bench.ended(id)));
    expect(ended.map(({ state }) => state)).toEqual(operations.map(() => 'succeeded'));
    for (const { projectId } of ended) {
      expect((await bench.projects.get(projectId!)).state).toBe('active');
      const counts = await bench.resourceCounts(await bench.databaseOf(projectId!));
      expect(counts).toEqual({ Project: 1, ClientApplication: 1, ProjectMembership: 1 });
      const keys = await bench.dataSource.query<object[]>(`SELECT FROM signing_key WHERE project_id = $1`, [projectId]);
      expect(keys).toHaveLength(1);
    }
    await bench.spares(1);
    await bench.assertNoOrphans();
  }, 600_000);

  test('at any moment of any step of project.purge leaves nothing when another worker has finished', async () => {
    await bench.startWorker({ sparesPerCluster: 1 });
    const cases = killsIn(purgeProject.steps);
    const projects = await Promise.all(cases.map(() => bench.anActiveProject()));
    await bench.stopWorkers();
    const operations: string[] = [];
    for (const [index, { name, at }] of cases.entries()) {
      const { id } = projects[index]!;
      await bench.dataSource.query(`UPDATE project SET state = 'deleting', purge_after = now() WHERE id = $1`, [id]);
      operations.push(await bench.queueOperation('project.purge', id));
      await killedAt(name, at);
    }
    await bench.expireLeases();
    await bench.startWorker({ sparesPerCluster: 1 });
    const ended = await Promise.all(operations.map((id) => bench.ended(id)));
    expect(ended.map(({ state }) => state)).toEqual(operations.map(() => 'succeeded'));
    for (const { id } of projects) expect((await bench.projects.get(id)).state).toBe('deleted');
    await bench.spares(1);
    await bench.assertNoOrphans();
  }, 600_000);

  test('at any moment of project.rotate-admin-client leaves a secret that another worker puts into force', async () => {
    await bench.startWorker({ sparesPerCluster: 1 });
    const { id } = await bench.anActiveProject();
    await bench.stopWorkers();
    const { adminClient } = (await bench.operations.findParams(id, 'project.create')) as {
      adminClient: { clientId: string };
    };
    for (const { name, at } of killsIn(rotateAdminClient.steps)) {
      const secretSha256 = randomBytes(32).toString('hex');
      const params = { adminClient: { clientId: adminClient.clientId, secretSha256 } };
      const operationId = await bench.queueOperation('project.rotate-admin-client', id, params);
      await killedAt(name, at);
      await bench.expireLeases();
      await bench.startWorker({ sparesPerCluster: 1 });
      expect((await bench.ended(operationId)).state).toBe('succeeded');
      await bench.stopWorkers();
      const tenant = await connectOnce(await bench.loginOf(await bench.databaseOf(id)));
      const secrets = await tenant.query(sql`
        SELECT encode(secret_hash, 'hex') AS secret, retiring_hash AS retiring FROM client_secret
         WHERE client_id = ${adminClient.clientId}`);
      await tenant.close();
      expect(secrets).toEqual([{ secret: secretSha256, retiring: null }]);
    }
  }, 600_000);

  test('at any moment of project.configure leaves settings that another worker puts into force, and none of them twice', async () => {
    await bench.startWorker({ sparesPerCluster: 1 });
    const [{ id }, other] = await Promise.all([bench.anActiveProject(), bench.anActiveProject()]);
    await bench.stopWorkers();
    let days = 30;
    let versions = 1;
    for (const { name, at } of killsIn(configureProject.steps)) {
      const params = {
        strictMode: days % 2 === 1,
        validationLevel: 'structure',
        features: [`at-${days}`],
        auditRetentionDays: ++days,
      };
      const operationId = await bench.queueOperation('project.configure', id, params);
      await killedAt(name, at);
      await bench.expireLeases();
      await bench.startWorker({ sparesPerCluster: 1 });
      expect((await bench.ended(operationId)).state).toBe('succeeded');
      await bench.stopWorkers();
      const { epoch, project } = await settingsOf(id);
      // Each that was new has raised the epoch once, whoever wrote it.
      expect([name, at, epoch]).toEqual([name, at, String(++versions)]);
      expect(project).toMatchObject({
        strictMode: params.strictMode,
        features: params.features,
        systemSetting: [
          { name: 'validationLevel', valueString: 'structure' },
          { name: 'auditRetentionDays', valueInteger: days },
        ],
      });
    }
    const untouched = await settingsOf(other.id);
    expect([untouched.epoch, untouched.project]).toMatchObject(['1', { strictMode: true }]);
    expect(untouched.project).not.toHaveProperty('systemSetting');
  }, 600_000);

  /** The Project resource of a project, and how often its rights have changed. */
  async function settingsOf(id: string): Promise<{ epoch: string; project: object }> {
    const tenant = await connectOnce(await bench.loginOf(await bench.databaseOf(id)));
    try {
      const [row] = await tenant.query<{ epoch: string; body: string }>(
        sql`SELECT epoch, body FROM security_epoch, resource WHERE type = 'Project' AND fhir_id = ${id}`,
      );
      return { epoch: row!.epoch, project: JSON.parse(row!.body) as object };
    } finally {
      await tenant.close();
    }
  }

  // What is made inside the step `place`, in its order; the kill comes as soon as it is seen from outside.
  test.each([
    ['its role', sql`SELECT count(*)::int AS count FROM pg_roles WHERE rolname LIKE 'fp%'`],
    ['its database', sql`SELECT count(*)::int AS count FROM pg_database WHERE datname LIKE 'fp%'`],
    ['the mark on its database', sql`SELECT count(*)::int AS count FROM pg_shdescription`],
    [
      'the right to connect',
      sql`SELECT count(*)::int AS count FROM pg_database WHERE datname LIKE 'fp%' AND datacl IS NOT NULL`,
    ],
  ])('while it builds a database, just after %s, leaves what another worker completes', async (_, countSql) => {
    const count = async () => (await bench.admin.query<{ count: number }>(countSql))[0]!.count;
    const { operationId, projectId } = await bench.withoutSpares(async () => {
      const before = await count();
      const child = bench.spawnWorker({ LEASE_MS: neverExpires, SPARES: '0' });
      const created = await bench.createProject();
      while ((await count()) === before) expect(child.exitCode).toBeNull();
      await endChild(child, 'SIGKILL');
      return created;
    });
    await bench.expireLeases();
    await bench.startWorker({ sparesPerCluster: 1 });
    expect((await bench.ended(operationId)).state).toBe('succeeded');
    expect(await bench.resourceCounts(await bench.databaseOf(projectId))).toMatchObject({ Project: 1 });
    await bench.spares(1);
    await bench.assertNoOrphans();
  });

  test('while it fills the stock leaves spares that another worker completes', async () => {
    const roles = async () => (await bench.onServer()).roles.length;
    const before = await roles();
    const child = bench.spawnWorker({ SPARES: '4' });
    while ((await roles()) === before) expect(child.exitCode).toBeNull();
    await endChild(child, 'SIGKILL');

    await bench.startWorker({ sparesPerCluster: 4 });
    for (const spare of await bench.spares(4)) {
      const tenant = await connectOnce(await bench.loginOf(spare));
      expect(await tenant.query(sql`SELECT begin_write() AS epoch`)).toEqual([{ epoch: '1' }]);
      await tenant.close();
    }
    await bench.assertNoOrphans();
  });
});
