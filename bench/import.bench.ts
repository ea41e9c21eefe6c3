import pg from 'pg';
import { expectStatus } from '#testing';
import { type BenchEnvironment, withEnvironment } from './environment.js';
import { median, publish, round } from './report.js';
import { seededRandom, transactionBundle } from './seeded-resources.js';

const ROUNDS = 3;
const BUNDLES = 100;
const BUNDLE_SIZE = 100;
/** Bundles in flight at a time, and connections of the floor: what the broker gives one tenant. */
const PARALLEL = 2;

/** What an import writes, and the resource to which each row belongs. An identity column numbers the audit rows itself. */
const TABLES = [
  { name: 'resource', columns: '*', owner: 'id' },
  { name: 'resource_reference', columns: '*', owner: 'resource_id' },
  { name: 'resource_string', columns: '*', owner: 'resource_id' },
  { name: 'resource_date', columns: '*', owner: 'resource_id' },
  { name: 'resource_number', columns: '*', owner: 'resource_id' },
  { name: 'resource_text', columns: '*', owner: 'resource_id' },
  {
    name: 'audit_event',
    columns: 'recorded, action, outcome, agent, membership, on_behalf_of, policy, entity, subjects, detail, request_id',
    owner: `split_part(entity, '/_history/', 2)`,
  },
] as const;
/** PostgreSQL's limit of parameters in one statement is 65,535. */
const MOST_PARAMETERS = 60_000;

/**
 * Transaction bundles of 100 Patients and Observations over HTTP, beside bare multi-row INSERTs that put the very rows
 * which the import produced into an empty tenant database, in transactions of the same size.
 */
export async function benchImport(): Promise<void> {
  await withEnvironment(async (environment) => {
    const { ours, floor } = await measureImport(environment);
    const ratio = median(ours) / median(floor);
    await publish({
      name: 'import',
      floor: 'bare multi-row INSERTs of the same rows in transactions of 100 resources',
      ratio,
      rows: [
        { what: 'Boxyard, transaction bundles of 100', 'resources/s': round(median(ours)) },
        { what: 'bare multi-row INSERTs', 'resources/s': round(median(floor)) },
      ],
      checks: { import: { measured: `${ratio.toFixed(2)} of the floor`, limit: '≥ 0.4', holds: ratio >= 0.4 } },
    });
  });
}

/** Resources per second, one figure per round, taken in turns. */
export async function measureImport(environment: BenchEnvironment): Promise<{ ours: number[]; floor: number[] }> {
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const imported = await importedProject(environment, round);
    ours.push(imported.resourcesPerSecond);
    const empty = await environment.platform.createProject(`floor-${round}`);
    floor.push(
      await bareInserts(
        environment.urlOf(imported.database),
        environment.urlOf(await environment.tenantDatabaseOf(empty.id)),
      ),
    );
  }
  return { ours, floor };
}

async function importedProject(
  { platform, tenantDatabaseOf }: BenchEnvironment,
  round: number,
): Promise<{ database: string; resourcesPerSecond: number }> {
  const project = await platform.createProject(`bench-import-${round}`);
  const headers = {
    authorization: `Bearer ${await platform.clientToken(project)}`,
    'content-type': 'application/fhir+json',
    prefer: 'return=minimal',
  };
  const random = seededRandom(round + 1);
  const bundles = Array.from({ length: BUNDLES }, (_, index) =>
    transactionBundle(random, index * BUNDLE_SIZE, BUNDLE_SIZE),
  );
  const send = async (body: string): Promise<void> => {
    await expectStatus(await fetch(`${project.baseUrl}fhir/R4`, { method: 'POST', headers, body }), 200);
  };
  const warmUp = bundles.splice(0, 4);
  for (const body of warmUp) await send(body);
  const started = performance.now();
  const resources = bundles.length * BUNDLE_SIZE;
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let body = bundles.pop(); body !== undefined; body = bundles.pop()) await send(body);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  return { database: await tenantDatabaseOf(project.id), resourcesPerSecond: resources / seconds };
}

async function bareInserts(fromUrl: string, toUrl: string): Promise<number> {
  const batches = await rowsInBatches(fromUrl);
  const resources = batches.reduce((sum, batch) => sum + (batch.get('resource')?.length ?? 0), 0);
  const pool = new pg.Pool({ connectionString: toUrl, max: PARALLEL });
  await pool.query(`TRUNCATE ${TABLES.map(({ name }) => name).join(', ')}`);
  const started = performance.now();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      const client = await pool.connect();
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        await client.query('BEGIN');
        for (const [table, rows] of batch) await insertRows(client, table, rows);
        await client.query('COMMIT');
      }
      client.release();
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  await pool.end();
  return resources / seconds;
}

type Rows = Record<string, unknown>[];

async function rowsInBatches(url: string): Promise<Map<string, Rows>[]> {
  // Text in, text out: what pg would make of a timestamp or an array must not cost the floor anything.
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (value: string) => value } });
  await client.connect();
  const ids = await client.query<{ id: string }>(
    `SELECT id FROM resource WHERE type IN ('Patient', 'Observation') ORDER BY id`,
  );
  const batchOf = new Map(ids.rows.map(({ id }, position) => [id, Math.floor(position / BUNDLE_SIZE)]));
  const batches: Map<string, Rows>[] = Array.from(
    { length: Math.ceil(ids.rows.length / BUNDLE_SIZE) },
    () => new Map<string, Rows>(),
  );
  for (const { name, columns, owner } of TABLES) {
    const result = await client.query<Record<string, string>>(`SELECT ${columns}, ${owner} AS owner FROM ${name}`);
    for (const { owner: id = '', ...row } of result.rows) {
      const batch = batches[batchOf.get(id) ?? -1];
      if (batch === undefined) continue;
      const rows = batch.get(name) ?? [];
      rows.push(row);
      batch.set(name, rows);
    }
  }
  await client.end();
  return batches;
}

async function insertRows(client: pg.PoolClient, table: string, rows: Rows): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const most = Math.floor(MOST_PARAMETERS / columns.length);
  for (let from = 0; from < rows.length; from += most) {
    const part = rows.slice(from, from + most);
    const places = part.map(
      (_, row) => `(${columns.map((__, column) => `$${row * columns.length + column + 1}`).join(',')})`,
    );
    await client.query(
      `INSERT INTO ${table} (${columns.join(',')}) VALUES ${places.join(',')}`,
      part.flatMap((row) => columns.map((column) => row[column])),
    );
  }
}
