import { randomBytes } from 'node:crypto';
import { tenantGrantStatements } from '#migrations/tenant';
import { compiledSql, type Connection, identifier, sql } from '#postgres';
import { runBackfill, schemaDescription, schemaDrift, type SchemaDescription, type SchemaStep } from '#tenant-schema';
import { fillDatabase, rowsByTable } from './full-database.js';
import { migrateTo } from './new-schema.js';

export interface Upgrade {
  /** What the database is like at the end. */
  readonly schema: SchemaDescription;
  /** What should not have happened, a line each. */
  readonly problems: readonly string[];
  /** How many rows the database had. */
  readonly rows: number;
  /** Each step and how long it took. */
  readonly durations: readonly string[];
}

const rowsOfEachTable = 3_000;

/**
 * Brings a full database of an earlier schema to the newest one, with the role that its project has had since then; fills
 * in what backfills fill in, and then does all of it again, of which nothing may be seen.
 */
export async function upgradeFullDatabase(
  connection: Connection,
  steps: readonly SchemaStep[],
  from: number,
): Promise<Upgrade> {
  const newest = steps.length;
  const role = `project_${randomBytes(8).toString('hex')}`;
  await migrateTo(from, connection, steps);
  await connection.query(sql`CREATE ROLE ${identifier(role)}`);
  for (const text of tenantGrantStatements(`"${role}"`, from)) {
    await connection.query(compiledSql({ text, values: [] }));
  }
  const before = await fillDatabase(connection, rowsOfEachTable);

  const { applied } = await migrateTo(newest, connection, steps, role);
  const filled = await runBackfills(
    connection,
    applied.map(({ step }) => step),
  );
  const schema = await schemaDescription(connection, role);
  const after = await rowsByTable(connection);

  const repeated = await migrateTo(newest, connection, steps, role);
  const again = schemaDrift(schema.lines, (await schemaDescription(connection, role)).lines);
  const isExpand = applied.every(({ step }) => step.phase === 'expand');
  return {
    schema,
    rows: Object.values(before).reduce((sum, rows) => sum + rows, 0),
    durations: [...applied.map(({ step, durationMs }) => `${step.name} ${durationMs.toFixed(0)} ms`), ...filled],
    problems: [
      ...(isExpand ? lostRows(before, after) : []),
      ...repeated.applied.map(({ step }) => `${step.name} was applied again when all was done.`),
      ...again.map((line) => `The second run changed the schema: ${line}`),
    ],
  };
}

/** Runs every backfill to its end; gives how many rows each worked on. */
async function runBackfills(connection: Connection, steps: readonly SchemaStep[]): Promise<string[]> {
  const done: string[] = [];
  for (const step of steps) {
    if (step.backfill === undefined) continue;
    let rows = 0;
    for (let isFinished = false; !isFinished;) {
      const batch = await runBackfill(connection, { step, fence: '1', lockTimeoutMs: 2_000 });
      rows += batch.rows;
      isFinished = batch.isFinished;
    }
    done.push(`its backfill ${rows} rows`);
  }
  return done;
}

function lostRows(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): string[] {
  return Object.entries(before).flatMap(([table, rows]) =>
    (after[table] ?? 0) < rows
      ? [`${table} had ${rows} rows and has ${after[table] ?? 0}, after expand migrations.`]
      : [],
  );
}
