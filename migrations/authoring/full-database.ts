import { type Connection, identifier, join, sql, type SqlFragment } from '#postgres';
import { Refusal } from './refusal.js';

/** A value of each type, different for each `n`. */
const valuesByType: Readonly<Record<string, SqlFragment>> = {
  text: sql`'value ' || n`,
  'character varying': sql`'value ' || n`,
  '"char"': sql`'R'`,
  bigint: sql`n`,
  integer: sql`n`,
  smallint: sql`n % 1000`,
  'double precision': sql`n / 7.0`,
  numeric: sql`n / 7.0`,
  boolean: sql`n % 2 = 0`,
  'timestamp with time zone': sql`now() - n * interval '1 minute'`,
  'timestamp with time zone[]': sql`ARRAY[now() - n * interval '1 minute']`,
  date: sql`current_date - n`,
  uuid: sql`md5(n::text)::uuid`,
  'uuid[]': sql`ARRAY[md5(n::text)::uuid, md5('other ' || n)::uuid]`,
  'text[]': sql`ARRAY['value ' || n]`,
  'integer[]': sql`ARRAY[n]`,
  bytea: sql`sha256(n::text::bytea)`,
  jsonb: sql`jsonb_build_object('value', n)`,
  tsvector: sql`to_tsvector('simple', 'word' || n)`,
  xid8: sql`n::text::xid8`,
};

/** Columns in which not just any value of their type makes sense. */
const valuesByColumn: Readonly<Record<string, SqlFragment>> = {
  'resource.type': sql`(ARRAY['Patient', 'Observation', 'Encounter'])[n % 3 + 1]`,
  'resource.body': sql`'{"resourceType":"Patient","id":"value ' || n || '","active":true}'`,
  'resource_history.type': sql`(ARRAY['Patient', 'Observation', 'Encounter'])[n % 3 + 1]`,
  'resource_history.body': sql`'{"resourceType":"Patient","id":"value ' || n || '","active":true}'`,
  'async_job.state': sql`'completed'`,
  'audit_event.action': sql`(ARRAY['C', 'R', 'U', 'D'])[n % 4 + 1]::"char"`,
};

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/**
 * Puts rows into every empty table of a tenant database of whatever schema, so that a migration meets data: by the types
 * of the columns, which says nothing about FHIR but meets every index and constraint. Gives how many rows each table has
 * then. Throws a Refusal that says what is missing here when a table takes no such rows.
 */
export async function fillDatabase(connection: Connection, rows: number): Promise<Record<string, number>> {
  for (const [table, columns] of await emptyTables(connection)) {
    const values = columns.map((column) => valueOf(column));
    const names = columns.map(({ name }) => identifier(name));
    try {
      await connection.query(
        sql`INSERT INTO ${identifier(table)} (${join(names)}) SELECT ${join(values)} FROM generate_series(1, ${rows}::integer) n`,
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Refusal(`No rows for ${table}: ${why}. Name a value in migrations/authoring/full-database.ts.`);
    }
  }
  return rowsByTable(connection);
}

/** How many rows each table has. */
export async function rowsByTable(connection: Connection): Promise<Record<string, number>> {
  const tables = await connection.query<{ name: string }>(tablesOfData);
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await connection.query<{ rows: number }>(
      sql`SELECT count(*)::integer AS rows FROM ${identifier(name)}`,
    );
    counts[name] = row?.rows ?? 0;
  }
  return counts;
}

function valueOf({ table, name, type }: Column): SqlFragment {
  const value = valuesByColumn[`${table}.${name}`] ?? valuesByType[type.replace(/\(\d+\)/, '')];
  if (value !== undefined) return value;
  throw new Refusal(`No value for ${table}.${name} (${type}). Name one in migrations/authoring/full-database.ts.`);
}

async function emptyTables(connection: Connection): Promise<Map<string, Column[]>> {
  const columns = await connection.query<Column>(sql`
    SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
       AND a.attidentity = '' AND a.attgenerated = ''
     ORDER BY c.relname, a.attnum`);
  const counts = await rowsByTable(connection);
  const empty = new Map<string, Column[]>();
  for (const column of columns) {
    if (counts[column.table] === 0) empty.set(column.table, [...(empty.get(column.table) ?? []), column]);
  }
  return empty;
}

/** All but those in which migrations themselves keep their books. */
const tablesOfData = sql`
  SELECT relname AS name FROM pg_class
   WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'schema\\_%' ORDER BY relname`;
