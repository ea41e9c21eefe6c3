import pg from 'pg';
import type { BenchEnvironment } from './environment.js';

/** Does `work` to each database over a connection of its own, so many at a time; gives the databases per second. */
async function overAll(
  { urlOf }: BenchEnvironment,
  databases: readonly string[],
  parallel: number,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const started = performance.now();
  const lane = async (): Promise<void> => {
    for (let name = databases[next++]; name !== undefined; name = databases[next++]) {
      const client = new pg.Client({ connectionString: urlOf(name) });
      await client.connect();
      await work(client);
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return databases.length / ((performance.now() - started) / 1000);
}

/** What a script would do for a migration: lock, three statements, version row, in a transaction. */
export function bareMigrations(
  environment: BenchEnvironment,
  databases: readonly string[],
  parallel: number,
  round: number,
): Promise<number> {
  return overAll(environment, databases, parallel, async (client) => {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(1)');
    await client.query('CREATE TABLE IF NOT EXISTS bare_version (version integer PRIMARY KEY)');
    await client.query(`ALTER TABLE resource_text ADD COLUMN bare_${round} integer`);
    await client.query(`CREATE TABLE bare_slot_${round} (id bigint PRIMARY KEY, taken_at timestamptz NOT NULL)`);
    await client.query(`CREATE INDEX bare_slot_${round}_taken ON bare_slot_${round} (taken_at)`);
    await client.query('INSERT INTO bare_version (version) VALUES ($1)', [round]);
    await client.query('COMMIT');
  });
}

/** What a script would do to see who is behind. */
export function bareVersionReads(
  environment: BenchEnvironment,
  databases: readonly string[],
  parallel: number,
): Promise<number> {
  return overAll(environment, databases, parallel, (client) => client.query('SELECT max(version) FROM schema_version'));
}
