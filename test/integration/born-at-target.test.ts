/** Which schema new tenant databases get, while releases change and rollouts raise the fleet's target. */
import { FleetTarget, type TenantDatabase } from '#control-database';
import { TENANT_SCHEMA_VERSION, tenantMigrations } from '#migrations/tenant';
import { connectOnce, identifier, sql } from '#postgres';
import { appliedSchema, schemaSteps } from '#tenant-schema';
import { WorkerBench } from './worker.fixture.js';

const earlier = TENANT_SCHEMA_VERSION - 1;
const unknown = TENANT_SCHEMA_VERSION + 1;
let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
  await setTarget(earlier);
});

afterEach(() => bench.stopWorkers());

afterAll(() => bench.close());

const setTarget = (version: number) =>
  bench.dataSource.query(
    `INSERT INTO fleet (target_version) VALUES ($1)
     ON CONFLICT (singleton) DO UPDATE SET target_version = EXCLUDED.target_version`,
    [version],
  );

/** What the database itself says of its schema, as an administrator sees it. */
async function recordedIn({ databaseName }: TenantDatabase) {
  const url = new URL(bench.config.databaseUrl!);
  url.pathname = `/${databaseName}`;
  const owner = await connectOnce(url.href);
  try {
    return await appliedSchema(owner);
  } finally {
    await owner.close();
  }
}

async function stepsUpTo(version: number) {
  const steps = await schemaSteps(tenantMigrations);
  return steps.slice(0, version).map((step) => ({ version: step.version, name: step.name, checksum: step.checksum }));
}

async function aNewDatabase(): Promise<TenantDatabase> {
  return bench.databaseOf((await bench.anActiveProject()).id);
}

const templates = async () => {
  const found = await bench.admin.query<{ name: string }>(
    sql`SELECT datname AS name FROM pg_database WHERE datname LIKE 'boxyard\\_template\\_%' ORDER BY 1`,
  );
  return found.map(({ name }) => name);
};

const templatesOf = async (version: number) =>
  (await templates()).filter((name) => name.startsWith(`boxyard_template_${version}_`));

test('before its rollout is started a release makes databases of the schema that the fleet has', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  const [spare] = await bench.spares(1);
  expect(spare?.schemaVersion).toBe(earlier);
  const fromSpare = await aNewDatabase();
  expect(fromSpare.id).toBe(spare?.id);
  const built = await bench.withoutSpares(aNewDatabase);
  for (const database of [fromSpare, built]) {
    expect(database.schemaVersion).toBe(earlier);
    expect(await recordedIn(database)).toEqual(await stepsUpTo(earlier));
  }
  expect(await templatesOf(earlier)).toHaveLength(1);
  expect(await templatesOf(TENANT_SCHEMA_VERSION)).toEqual([]);
});

test('once the target is raised every new project has the new schema, and the spares are replaced', async () => {
  await Promise.all([bench.startWorker({ sparesPerCluster: 2 }), bench.startWorker({ sparesPerCluster: 2 })]);
  const old = await bench.spares(2);
  await new FleetTarget(bench.dataSource).raise(TENANT_SCHEMA_VERSION);
  const created = await Promise.all([aNewDatabase(), aNewDatabase()]);
  for (const database of created) {
    expect(database.schemaVersion).toBe(TENANT_SCHEMA_VERSION);
    expect(await recordedIn(database)).toEqual(await stepsUpTo(TENANT_SCHEMA_VERSION));
  }
  await bench.until('the spares are replaced', async () => {
    const rows = await Promise.all(old.map(({ id }) => bench.tenantDatabases.get(id)));
    return rows.every(({ state }) => state === 'dropped') ? true : undefined;
  });
  const spares = await bench.spares(2);
  expect(spares.map(({ schemaVersion }) => schemaVersion)).toEqual([TENANT_SCHEMA_VERSION, TENANT_SCHEMA_VERSION]);
  await bench.assertNoOrphans();
});

test('templates that no new database is copied from any more are dropped, and others stay', async () => {
  await bench.admin.query(sql`CREATE DATABASE boxyard_template_of_somebody_else`);
  expect(await templatesOf(earlier)).toHaveLength(1);
  await bench.startWorker({ sparesPerCluster: 1 });
  await bench.until('it is dropped', async () => ((await templatesOf(earlier)).length === 0 ? true : undefined));
  expect(await templatesOf(TENANT_SCHEMA_VERSION)).toHaveLength(1);
  expect(await templates()).toContain('boxyard_template_of_somebody_else');
  await bench.admin.query(sql`DROP DATABASE boxyard_template_of_somebody_else`);
});

test('a template that another worker has dropped is made again for the project that needs it', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  await bench.spares(1);
  const [name] = await templatesOf(TENANT_SCHEMA_VERSION);
  await bench.admin.query(sql`ALTER DATABASE ${identifier(name!)} IS_TEMPLATE false`);
  await bench.admin.query(sql`DROP DATABASE ${identifier(name!)}`);
  const database = await bench.withoutSpares(aNewDatabase);
  expect(await recordedIn(database)).toEqual(await stepsUpTo(TENANT_SCHEMA_VERSION));
  expect(await templatesOf(TENANT_SCHEMA_VERSION)).toEqual([name]);
});

test('a spare that a worker has retired and not removed any more is removed by the next', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  const [spare] = await bench.spares(1);
  await bench.stopWorkers();
  expect(await bench.tenantDatabases.retireSpare(spare!.id)).toBe(true);
  await bench.startWorker({ sparesPerCluster: 1 });
  await bench.until('it is removed', async () =>
    (await bench.tenantDatabases.get(spare!.id)).state === 'dropped' ? true : undefined,
  );
  await bench.spares(1);
  await bench.assertNoOrphans();
});

test('a database that a project has got is not retired', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  const database = await aNewDatabase();
  expect(await bench.tenantDatabases.retireSpare(database.id)).toBe(false);
  expect(await bench.databaseOf(database.projectId!)).toEqual(database);
});

test('a worker whose release the fleet has left behind makes nothing and is not ready; a new one of it does not start', async () => {
  const worker = await bench.startWorker({ sparesPerCluster: 1 });
  await bench.spares(1);
  await expect(worker.ready()).resolves.toBeUndefined();
  await setTarget(unknown);
  await expect(worker.ready()).rejects.toMatchObject({ code: 'release-too-old' });
  const before = await bench.onServer();
  const { operationId, projectId } = await bench.createProject();
  await expect(bench.startWorker()).rejects.toThrow(`target is tenant schema ${unknown}`);
  expect(await bench.operations.get(operationId)).toMatchObject({ state: 'queued', attempt: 0 });
  expect(await bench.onServer()).toEqual(before);

  // The next release's worker, as this one has become when the target is known to it.
  await setTarget(TENANT_SCHEMA_VERSION);
  await expect(worker.ready()).resolves.toBeUndefined();
  expect(await bench.ended(operationId)).toMatchObject({ state: 'succeeded' });
  expect((await bench.databaseOf(projectId)).schemaVersion).toBe(TENANT_SCHEMA_VERSION);
});

test('a worker that learns of the new target only from a project leaves that to another one', async () => {
  await bench.startWorker({ sparesPerCluster: 1 });
  await bench.spares(1);
  await setTarget(unknown);
  const { operationId } = await bench.createProject();
  const left = await bench.until('it is left', async () => {
    const operation = await bench.operations.get(operationId);
    return operation.attempt > 0 && operation.state === 'queued' ? operation : undefined;
  });
  expect(left.error).toMatchObject({ code: 'release-too-old', retryable: true });
  await setTarget(TENANT_SCHEMA_VERSION);
  await bench.stopWorkers();
  await bench.startWorker({ sparesPerCluster: 1 });
  expect(await bench.ended(operationId)).toMatchObject({ state: 'succeeded', attempt: 2 });
});
