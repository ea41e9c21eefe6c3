import { ClusterRepository, FleetRepository, FleetTarget, type PlacedProject, Transactions } from '#control-database';
import { createLogger } from '#platform';
import { connectOnce, compiledSql, type OwnedConnection, sql } from '#postgres';
import { ClusterAdmins } from '../../apps/worker/src/clusters/cluster-admins.js';
import { ExpectedSchemas, isCopyLeft } from '../../apps/worker/src/fleet/expected-schemas.js';
import { FleetSchema } from '../../apps/worker/src/tenant-databases/fleet-schema.js';
import { WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;
let fleet: FleetRepository;
let project: PlacedProject;
let owner: OwnedConnection;
beforeAll(async () => {
  bench = await WorkerBench.open();
  fleet = new FleetRepository(bench.dataSource);
  await bench.startWorker({ sparesPerCluster: 0 });
  project = await bench.anActiveProject();
  const { databaseName } = (await bench.tenantDatabases.findOfProject(project.id))!;
  const url = new URL(bench.config.databaseUrl!);
  url.pathname = `/${databaseName}`;
  owner = await connectOnce(url.href);
}, 120_000);
afterAll(async () => {
  await owner.close();
  await bench.close();
});

/** Asks for a look and waits until a worker has looked. */
async function look() {
  await new Transactions(bench.dataSource).run((transaction) => fleet.requestChecks(undefined, transaction));
  await bench.until('every database was looked into', async () =>
    (await fleet.summariseChecks()).pending === 0 ? true : undefined,
  );
  const { same, drifted, failed } = await fleet.summariseChecks();
  return { same, drifted, failed, found: (await fleet.listDrift({ limit: 10 }))[0] };
}

const run = (text: string) => owner.query(compiledSql({ text, values: [] }));

test('a database as the worker made it is as expected', async () => {
  expect(await look()).toEqual({ same: 1, drifted: 0, failed: 0, found: undefined });
  const [row] = await bench.dataSource.query<{ schema_version: number; fingerprint: string }[]>(
    'SELECT schema_version, fingerprint FROM schema_check',
  );
  expect(row!.schema_version).toBe(project.schemaVersion);
  expect(row!.fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

test('what somebody has changed by hand is shown as a diff, and no longer when it is changed back', async () => {
  await run('CREATE TABLE by_hand (id integer)');
  const { same, drifted, failed, found } = await look();
  expect({ same, drifted, failed }).toEqual({ same: 0, drifted: 1, failed: 0 });
  expect(found).toMatchObject({ slug: project.slug, schemaVersion: project.schemaVersion, error: null });
  expect(found!.differences.length).toBeGreaterThan(0);
  for (const line of found!.differences) expect(line).toMatch(/^\+ .*by_hand/);
  await run('DROP TABLE by_hand');
  expect(await look()).toMatchObject({ same: 1, drifted: 0 });
});

test('a migration that was applied with another content is a difference, though the schema is the same', async () => {
  const [{ checksum } = { checksum: '' }] = await owner.query<{ checksum: string }>(
    compiledSql({ text: 'SELECT checksum FROM schema_version WHERE version = 1', values: [] }),
  );
  await run(`UPDATE schema_version SET checksum = repeat('0', 64) WHERE version = 1`);
  const { drifted, found } = await look();
  await run(`UPDATE schema_version SET checksum = '${checksum}' WHERE version = 1`);
  expect(drifted).toBe(1);
  expect(found!.differences).toEqual([
    expect.stringMatching(new RegExp(`^- migration 1 \\w+ ${checksum}$`)),
    expect.stringMatching(/^\+ migration 1 \w+ 0{64}$/),
  ]);
});

test('a database that came back from a backup with an older schema is shown, and counts as what it is from then on', async () => {
  const thought = project.schemaVersion! + 1;
  const recorded = () =>
    bench.dataSource.query(`SELECT schema_version FROM tenant_database WHERE project_id = $1`, [project.id]);
  await bench.dataSource.query('UPDATE tenant_database SET schema_version = $2 WHERE project_id = $1', [
    project.id,
    thought,
  ]);
  const { drifted, found } = await look();
  expect(drifted).toBe(1);
  expect(found!.differences).toEqual([`- schema ${thought}`, `+ schema ${project.schemaVersion}`]);
  await bench.until('it counts as what it is', async () =>
    (await recorded())[0].schema_version === project.schemaVersion ? true : undefined,
  );
  expect(await look()).toMatchObject({ same: 1, drifted: 0 });
});

test('a database that cannot be looked into is named with the reason', async () => {
  await bench.dataSource.query(
    `UPDATE tenant_database SET database_name = 'x' || database_name WHERE state = 'claimed'`,
  );
  const { failed, found } = await look();
  await bench.dataSource.query(
    `UPDATE tenant_database SET database_name = substr(database_name, 2) WHERE state = 'claimed'`,
  );
  expect(failed).toBe(1);
  expect(found!.error).toContain('does not exist');
  expect(await look()).toMatchObject({ same: 1, failed: 0, found: undefined });
});

test('a project whose database has gone is not waited for', async () => {
  const gone = (state: string) =>
    bench.dataSource.query('UPDATE tenant_database SET state = $2 WHERE project_id = $1', [project.id, state]);
  await gone('trash');
  await bench.dataSource.query('UPDATE schema_check SET checked_at = NULL');
  expect(await fleet.summariseChecks()).toMatchObject({ pending: 0, same: 0, drifted: 0, failed: 0 });
  await gone('claimed');
  expect(await look()).toMatchObject({ same: 1 });
});

test('what a worker that died has left of a look counts as an orphan until the next look clears it away', async () => {
  await bench.admin.query(sql`CREATE DATABASE boxyard_expected`);
  expect(await isCopyLeft(bench.admin)).toBe(true);
  const [cluster] = await new ClusterRepository(bench.dataSource).list();
  const admins = new ClusterAdmins(bench.config.databaseUrl!);
  const steps = await FleetSchema.open(new FleetTarget(bench.dataSource), createLogger(bench.config, 'test'));
  const { lines } = await new ExpectedSchemas(admins, steps).get(cluster!, project.schemaVersion!);
  // Of a new copy, not of the empty database that was in its place.
  expect(lines.length).toBeGreaterThan(100);
  // Whoever stands still in a transaction there does not keep it for long, from its BEGIN on.
  const silence = sql`SHOW idle_in_transaction_session_timeout`;
  const shown = await admins.inDatabase(cluster!, 'postgres', (owner) => owner.query(silence));
  expect(shown).toEqual([{ idle_in_transaction_session_timeout: '10s' }]);
  await admins.close();
  expect(await isCopyLeft(bench.admin)).toBe(false);
});

test('nothing is left of the databases that were made to look at', async () => {
  const left = await bench.dataSource.query(
    `SELECT datname FROM pg_database WHERE starts_with(datname, 'boxyard_expected')`,
  );
  expect(left).toEqual([]);
});
