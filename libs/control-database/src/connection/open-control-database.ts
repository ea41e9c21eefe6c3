import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { ConfigError, type Config } from '#platform';
import { controlMigrations } from '#migrations/control';
import { entities } from './entities.js';
import { FrequentStatements } from './frequent-statements.js';
import { SnakeCaseNaming } from './snake-case-naming.js';
import { superviseConnection, type SupervisedConnection } from './supervise-connection.js';

export interface OpenOptions {
  /** Whether this process brings the schema up to date; otherwise it waits until another one has. */
  migrate: boolean;
  /** Most connections of this process to the control database, 10 by default. */
  maxConnections?: number;
  /** A connection that has not answered a statement for so long is given up, 30 s by default. */
  answerWithinMs?: number;
}

const migrationsTable = 'control_migration';
const migrationLock = 7_210_034_400;
const longestWaitMs = 60_000;
/** No statement of ours takes longer, not even one that waits for its turn; migrations are another matter. */
const defaultAnswerWithinMs = 30_000;

/**
 * Opens the control database of DATABASE_URL and makes sure that its schema is the one of this release. Several
 * processes may open it at once: one migrates, the others wait. A database that a newer release has migrated is
 * refused, because nothing migrates backwards. A statement that is not answered in time fails, and its connection is not
 * used again. Close it with `destroy()`.
 */
export async function openControlDatabase(
  config: Pick<Config, 'databaseUrl'>,
  options: OpenOptions,
): Promise<DataSource> {
  if (config.databaseUrl === undefined) {
    throw new ConfigError('DATABASE_URL', 'expected the URL of the control database');
  }
  // Migrations take as long as they take, and so does waiting for them.
  let answerWithinMs = Infinity;
  const frequent = new FrequentStatements();
  const dataSource = await new DataSource({
    type: 'postgres',
    url: config.databaseUrl,
    applicationName: 'boxyard control database',
    poolSize: options.maxConnections ?? 10,
    connectTimeoutMS: 10_000,
    extra: {
      keepAlive: true,
      idleTimeoutMillis: 600_000,
      onConnect: (connection: SupervisedConnection) => superviseConnection(connection, () => answerWithinMs, frequent),
    },
    namingStrategy: new SnakeCaseNaming(),
    entities,
    migrations: controlMigrations,
    migrationsTableName: migrationsTable,
    migrationsTransactionMode: 'each',
    logging: false,
  }).initialize();
  try {
    if (options.migrate) await migrate(dataSource);
    else await waitUntilCurrent(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  answerWithinMs = options.answerWithinMs ?? defaultAnswerWithinMs;
  return dataSource;
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
