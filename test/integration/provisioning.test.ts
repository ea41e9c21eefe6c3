import type { TenantDatabase } from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { connectOnce, identifier, sql, sqlState } from '#postgres';
import { createProject } from '../../apps/worker/src/lifecycle/actions/create-project.action.js';
import { WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
});

afterEach(() => bench.stopWorkers());

afterAll(() => bench.close());

describe('creating projects', () => {
  test('50 at once all become active, each with its own database and role, and nothing is left over', async () => {
    await bench.startWorker({ sparesPerCluster: 3 });
    const created = await Promise.all(Array.from({ length: 50 }, () => bench.createProject()));
    const operations = await Promise.all(created.map(({ operationId }) => bench.ended(operationId)));

    expect(operations.map(({ state }) => state)).toEqual(created.map(() => 'succeeded'));
    const projects = await Promise.all(created.map(({ projectId }) => bench.projects.get(projectId)));
    expect(new Set(projects.map(({ state }) => state))).toEqual(new Set(['active']));
    const databases = await Promise.all(created.map(({ projectId }) => bench.databaseOf(projectId)));
    expect(new Set(databases.map(({ databaseName }) => databaseName)).size).toBe(50);
    expect(new Set(databases.map(({ roleName }) => roleName)).size).toBe(50);
    expect(await bench.resourceCounts(databases[49]!)).toEqual({
      Project: 1,
      ClientApplication: 1,
      ProjectMembership: 1,
    });
    await bench.spares(3);
    await bench.assertNoOrphans();
  }, 120_000);

  test('takes a spare without building anything, and the stock is made good again', async () => {
    await bench.startWorker({ sparesPerCluster: 2 });
    const spares = await bench.spares(2);
    const project = await bench.anActiveProject();
    const database = await bench.databaseOf(project.id);

    expect(spares.map(({ id }) => id)).toContain(database.id);
    expect(project.dataKeyId).toBe(database.dataKeyId);
    await bench.spares(2);
    await bench.assertNoOrphans();
  });

  test('builds a database when there is no spare', async () => {
    await bench.startWorker({ sparesPerCluster: 0 });
    await bench.withoutSpares(async () => {
      const project = await bench.anActiveProject();
      const database = await bench.databaseOf(project.id);
      expect(database).toMatchObject({ state: 'claimed', schemaVersion: TENANT_SCHEMA_VERSION });
      expect(await bench.resourceCounts(database)).toMatchObject({ Project: 1 });
    });
  });

  test('shows every step as done, in order', async () => {
    await bench.startWorker();
    const { operationId } = await bench.createProject();
    await bench.ended(operationId);
    const steps = await bench.operations.listSteps(operationId);
    expect(steps.map(({ name, state }) => [name, state])).toEqual(
      createProject.steps.map(({ name }) => [name, 'done']),
    );
  });
});

describe('the walls around a tenant database', () => {
  let own: TenantDatabase;
  let other: TenantDatabase;

  beforeAll(async () => {
    await bench.startWorker({ sparesPerCluster: 1 });
    own = await bench.databaseOf((await bench.anActiveProject()).id);
    other = await bench.databaseOf((await bench.anActiveProject()).id);
    await bench.stopWorkers();
  });

  const connecting = async (database: string): Promise<string | undefined> => {
    const login = await bench.loginOf(own);
    try {
      const connection = await connectOnce({ ...login, database });
      await connection.close();
      return undefined;
    } catch (error) {
      return sqlState(error);
    }
  };

  test('a tenant role connects to its own database and to no other one on the server', async () => {
    expect(await connecting(own.databaseName)).toBeUndefined();
    const everyOther = await bench.admin.query<{ name: string }>(
      sql`SELECT datname AS name FROM pg_database WHERE datname <> ${own.databaseName}`,
    );
    const names = everyOther.map(({ name }) => name);
    const control = new URL(bench.config.databaseUrl!).pathname.slice(1);
    expect(names).toEqual(
      expect.arrayContaining([
        ...['postgres', 'template1', control, other.databaseName],
        expect.stringMatching(/^boxyard_template_/),
      ]),
    );
    const refusals = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await connecting(name)])));
    // 42501: no CONNECT privilege. 55000: the templates take no connections at all.
    const expected = names.map((name) => [
      name,
      name === 'template0' || name.startsWith('boxyard_') ? '55000' : '42501',
    ]);
    expect(refusals).toEqual(Object.fromEntries(expected));
  });

  test.each([
    ['a table', sql`CREATE TABLE mine (id int)`],
    ['a temporary table', sql`CREATE TEMPORARY TABLE mine (id int)`],
    ['a schema', sql`CREATE SCHEMA mine`],
    ['a function', sql`CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`],
    ['an index', sql`CREATE INDEX mine ON resource (type)`],
    ['a database', sql`CREATE DATABASE mine`],
    ['a role', sql`CREATE ROLE mine`],
    ['the loss of a table', sql`DROP TABLE resource`],
    ['the loss of all rows', sql`TRUNCATE resource`],
    ['another epoch', sql`UPDATE security_epoch SET epoch = 0`],
    ['the loss of an audit row', sql`DELETE FROM audit_event`],
    ['the change of an audit row', sql`UPDATE audit_event SET agent = 'somebody else'`],
    ['other passwords', sql`SELECT rolpassword FROM pg_authid`],
  ])('a tenant role cannot make or see %s', async (_, statement) => {
    const tenant = await connectOnce(await bench.loginOf(own));
    try {
      const refused = await tenant.query(statement).then(() => 'allowed', sqlState);
      expect(refused).toBe('42501');
    } finally {
      await tenant.close();
    }
  });

  test('even with CONNECT on a foreign database a tenant role reads nothing there', async () => {
    const [role, database] = [identifier(own.roleName), identifier(other.databaseName)];
    await bench.admin.query(sql`GRANT CONNECT ON DATABASE ${database} TO ${role}`);
    const tenant = await connectOnce({ ...(await bench.loginOf(own)), database: other.databaseName });
    try {
      for (const table of ['resource', 'resource_history', 'client_secret', 'audit_event', 'security_epoch']) {
        const read = tenant.query(sql`SELECT count(*) FROM ${identifier(table)}`);
        expect(await read.then(() => 'allowed', sqlState)).toMatch(/^(42501|42P01)$/);
      }
      expect(await tenant.query(sql`SELECT public.begin_write()`).then(() => 'allowed', sqlState)).toBe('42501');
    } finally {
      await tenant.close();
      await bench.admin.query(sql`REVOKE CONNECT ON DATABASE ${database} FROM ${role}`);
    }
  });

  test('a tenant role has limits of its own', async () => {
    const [role] = await bench.admin.query<{ limit: number; config: string[]; powers: boolean }>(sql`
      SELECT rolconnlimit AS limit, rolconfig AS config,
             rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS powers
      FROM pg_roles WHERE rolname = ${own.roleName}`);
    expect(role).toEqual({
      limit: 40,
      config: [
        'statement_timeout=10s',
        'idle_in_transaction_session_timeout=15s',
        'max_parallel_workers_per_gather=0',
        'jit=off',
      ],
      powers: false,
    });
  });

  test('a tenant role owns nothing', async () => {
    const connection = await connectOnce({ ...(await adminLogin()), database: own.databaseName });
    try {
      const owned = await connection.query(
        sql`SELECT relname FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = ${own.roleName})`,
      );
      expect(owned).toEqual([]);
    } finally {
      await connection.close();
    }
  });

  test('an empty tenant database takes at most 8 MiB', async () => {
    const [size] = await bench.admin.query<{ bytes: string }>(
      sql`SELECT pg_database_size(${own.databaseName}) AS bytes`,
    );
    expect(Number(size?.bytes)).toBeLessThan(8 * 1024 * 1024);
  });
});

async function adminLogin() {
  const url = new URL(bench.config.databaseUrl!);
  const { hostname: host, port, username: user, password } = url;
  return { host, port: Number(port), user, password };
}
