import type { EventEmitter } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { ConfigError, type Config } from '#platform';
import { controlMigrations } from '#migrations/control';
import { entities } from './entities.js';
import { SnakeCaseNaming } from './snake-case-naming.js';

export interface OpenOptions {
  /** Whether this process brings the schema up to date; otherwise it waits until another one has. */
  migrate: boolean;
  /** Most connections of this process to the control database, 10 by default. */
  maxConnections?: number;
}

const migrationsTable = 'control_migration';
const migrationLock = 7_210_034_400;
const longestWaitMs = 60_000;

/**
 * Opens the control database of DATABASE_URL and makes sure that its schema is the one of this release. Several
 * processes may open it at once: one migrates, the others wait. A database that a newer release has migrated is
 * refused, because nothing migrates backwards. Close it with `destroy()`.
 */
export async function openControlDatabase(
  config: Pick<Config, 'databaseUrl'>,
  options: OpenOptions,
): Promise<DataSource> {
  if (config.databaseUrl === undefined) {
    throw new ConfigError('DATABASE_URL', 'expected the URL of the control database');
  }
  const dataSource = await new DataSource({
    type: 'postgres',
    url: config.databaseUrl,
    applicationName: 'boxyard control database',
    poolSize: options.maxConnections ?? 10,
    connectTimeoutMS: 10_000,
    extra: { keepAlive: true, idleTimeoutMillis: 600_000 },
    namingStrategy: new SnakeCaseNaming(),
    entities,
    migrations: controlMigrations,
    migrationsTableName: migrationsTable,
    migrationsTransactionMode: 'each',
    logging: false,
  }).initialize();
  outliveBrokenConnections(dataSource);
  try {
    if (options.migrate) await migrate(dataSource);
    else await waitUntilCurrent(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}

/**
 * A connection that the server ends in the moment in which it is made is between two owners, the pool and TypeORM, and its
 * error would end the process. Whoever uses the connection meets the error all the same, with the first statement.
 */
function outliveBrokenConnections(dataSource: DataSource): void {
  const { master } = dataSource.driver as unknown as { master: EventEmitter };
  master.on('connect', (connection: EventEmitter) => connection.on('error', () => undefined));
}

/** Runs what is pending under a session's advisory lock; whoever comes second finds nothing left to do. */
async function migrate(dataSource: DataSource): Promise<void> {
  if (await isCurrent(dataSource)) return;
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    if (!(await isCurrent(dataSource))) await dataSource.runMigrations();
    await runner.query('SELECT pg_advisory_unlock($1)', [migrationLock]);
  } finally {
    await runner.release();
  }
}

async function waitUntilCurrent(dataSource: DataSource): Promise<void> {
  const giveUpAt = performance.now() + longestWaitMs;
  while (!(await isCurrent(dataSource))) {
    if (performance.now() > giveUpAt) {
      throw new Error(
        `The control database has not been migrated within ${longestWaitMs / 1000} s. Start the control plane of this release: it migrates.`,
      );
    }
    await pause(200);
  }
}

async function isCurrent(dataSource: DataSource): Promise<boolean> {
  const known = controlMigrations.map(({ name }) => name);
  const applied = await appliedMigrations(dataSource);
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(
      `The control database was migrated by a newer release (${unknown.join(', ')}). Start that release or a later one; nothing migrates backwards.`,
    );
  }
  return known.every((name) => applied.includes(name));
}

async function appliedMigrations(dataSource: DataSource): Promise<string[]> {
  const [table] = await dataSource.query<{ name: string | null }[]>('SELECT to_regclass($1)::text AS name', [
    migrationsTable,
  ]);
  if (table?.name == null) return [];
  const rows = await dataSource.query<{ name: string }[]>(`SELECT name FROM ${migrationsTable} ORDER BY id`);
  return rows.map(({ name }) => name);
}
