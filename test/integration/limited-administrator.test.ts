/** An administrator with CREATEDB and CREATEROLE, which is the most that a server of somebody else's gives. */
import type { TenantDatabase } from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { DomainError, newId } from '#platform';
import { connectOnce, ensureLoginRole, sql, sqlState } from '#postgres';
import { aPlan } from './rollout-fleet.fixture.js';
import { WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;
beforeAll(async () => {
  bench = await WorkerBench.open({ administrator: 'CREATEDB and CREATEROLE' });
});
afterEach(() => bench.stopWorkers());
afterAll(() => bench.close());

/** What somebody with the credential of a tenant database gets to see of the server, by name of database. */
async function opens(database: TenantDatabase): Promise<Record<string, string | undefined>> {
  const login = await bench.loginOf(database);
  const names = ['postgres', 'template1', 'control', ...(await bench.onServer()).databases];
  const tries = names.map(async (name) => {
    const answer = await connectOnce({ ...login, database: name }).then(
      (connection) => connection.close().then(() => 'opened'),
      (error: unknown) => sqlState(error),
    );
    return [name, answer] as const;
  });
  return Object.fromEntries(await Promise.all(tries));
}

test('makes no project where every role may look into the databases that all servers have', async () => {
  await bench.startWorker({ sparesPerCluster: 0 });
  const { operationId, projectId } = await bench.createProject();
  const refused = await bench.until('the operation has failed once', async () => {
    const { error } = await bench.operations.get(operationId);
    return error ?? undefined;
  });
  expect(refused).toMatchObject({ code: 'database-open-to-public', step: 'place', retryable: true });
  expect(refused.message).toContain('REVOKE ALL ON DATABASE "postgres" FROM PUBLIC');

  const owner = await connectOnce(bench.superuserUrl);
  await owner.query(sql`REVOKE ALL ON DATABASE postgres FROM PUBLIC`);
  // TEMPORARY, which is left, is of no use to those who cannot connect.
  await owner.query(sql`REVOKE CONNECT ON DATABASE template1 FROM PUBLIC`);
  await owner.query(sql`GRANT TEMPORARY ON DATABASE template1 TO PUBLIC`);
  await owner.query(sql`GRANT CONNECT ON DATABASE postgres TO administrator`);
  await owner.close();
  expect(await bench.ended(operationId)).toMatchObject({ state: 'succeeded' });
  expect(await bench.resourceCounts(await bench.databaseOf(projectId))).toMatchObject({ Project: 1 });
});

test('makes projects with a spare and without, whose credentials open one database each', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  await bench.spares(1);
  const fromSpare = await bench.databaseOf((await bench.anActiveProject()).id);
  await bench.spares(1);
  const built = await bench.withoutSpares(async () => bench.databaseOf((await bench.anActiveProject()).id));
  for (const database of [fromSpare, built]) {
    expect(await bench.resourceCounts(database)).toMatchObject({ Project: 1, ClientApplication: 1 });
    const { [database.databaseName]: own, ...others } = await opens(database);
    expect(own).toBe('opened');
    expect(new Set(Object.values(others))).toEqual(new Set(['42501']));
  }
});

/** What the credential of a tenant database may do with what is in it. */
async function privileges(database: TenantDatabase): Promise<object[]> {
  const tenant = await connectOnce(await bench.loginOf(database));
  try {
    return await tenant.query(sql`
      SELECT c.relname AS name, a.privilege_type AS privilege FROM pg_class c, aclexplode(c.relacl) a
       WHERE a.grantee = current_user::regrole UNION ALL
      SELECT p.proname, a.privilege_type FROM pg_proc p, aclexplode(p.proacl) a
       WHERE a.grantee = current_user::regrole ORDER BY 1, 2`);
  } finally {
    await tenant.close();
  }
}

test('makes projects with the schema before, and brings them to the newest, where they are as those that are born there', async () => {
  await bench.dataSource.query('UPDATE fleet SET target_version = $1', [TENANT_SCHEMA_VERSION - 1]);
  await bench.startWorker({ sparesPerCluster: 0 });
  const { id: earlier } = await bench.anActiveProject();
  expect(await bench.databaseOf(earlier)).toMatchObject({ schemaVersion: TENANT_SCHEMA_VERSION - 1 });

  const rollout = newId('rol');
  await bench.dataSource.query(
    `INSERT INTO rollout (id, target_version, state, plan, created_by) VALUES ($1, $2, 'running', $3, 'test')`,
    [rollout, TENANT_SCHEMA_VERSION, JSON.stringify(aPlan({ verify: true }))],
  );
  const state = await bench.until('the rollout has ended', async () => {
    const [row] = await bench.dataSource.query<{ state: string; reason: object }[]>(
      `SELECT state, reason FROM rollout WHERE id = $1 AND state <> 'running'`,
      [rollout],
    );
    return row;
  });
  expect(state).toEqual({ state: 'succeeded', reason: null });
  const migrated = await bench.databaseOf(earlier);
  const born = await bench.databaseOf((await bench.anActiveProject()).id);
  expect([migrated.schemaVersion, born.schemaVersion]).toEqual([TENANT_SCHEMA_VERSION, TENANT_SCHEMA_VERSION]);
  expect(await privileges(migrated)).toEqual(await privileges(born));
  expect((await privileges(born)).length).toBeGreaterThan(10);
});

test('makes a role again that is there, with another password', async () => {
  const passwords = ['first', 'second', 'third'];
  for (const password of passwords) await ensureLoginRole(bench.admin, 'made again', password);
  const [role] = await bench.admin.query(sql`
    SELECT rolcanlogin AS login, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS powers
      FROM pg_roles WHERE rolname = 'made again'`);
  expect(role).toEqual({ login: true, powers: false });
  await bench.admin.query(sql`DROP ROLE "made again"`);
});

test('takes back what was made of a project that could not be', async () => {
  const impossible = new DomainError('unprocessable', 'impossible', 'It cannot be done.');
  await bench.startWorker({
    sparesPerCluster: 0,
    onStep: ({ step, at }) => {
      if (step === 'seed' && at === 'performed') throw impossible;
    },
  });
  const { operationId } = await bench.createProject();
  expect(await bench.ended(operationId)).toMatchObject({ state: 'failed', error: { code: 'impossible' } });
  await bench.stopWorkers();
  await bench.assertNoOrphans();
});

test('ends the connections of a deleted project, and leaves nothing of a purged one', async () => {
  await bench.startWorker({ sparesPerCluster: 0 });
  const project = await bench.anActiveProject();
  const database = await bench.databaseOf(project.id);
  const open = await connectOnce(await bench.loginOf(database));
  await bench.softDelete(project.id);
  expect((await bench.ended(await bench.queueOperation('project.delete', project.id))).state).toBe('succeeded');
  await expect(open.query(sql`SELECT 1`)).rejects.toThrow();

  await bench.dataSource.query(`UPDATE project SET purge_after = now() - interval '1 s' WHERE id = $1`, [project.id]);
  expect((await bench.ended(await bench.queueOperation('project.purge', project.id))).state).toBe('succeeded');
  await bench.stopWorkers();
  await bench.assertNoOrphans();
});
