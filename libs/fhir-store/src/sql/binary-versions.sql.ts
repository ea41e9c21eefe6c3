/** All versions of all Binaries that a project keeps, for its own upkeep: nobody's rights count here. */
import { compiledSql, type Sql } from '#postgres';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';

/** Some Binaries hold their bytes themselves, and these are read to find what is looked for. */
const pageSize = 500;

const currentText = `
SELECT r.id AS next_id, r.fhir_id, CASE WHEN strpos(r.body, $3) > 0 THEN substring(r.body from $4) END AS found
FROM resource r
WHERE r.type = 'Binary' AND NOT r.deleted AND r.id > $1::bigint
ORDER BY r.id LIMIT $2`;

const historyText = `
SELECT h.last_updated::text AS next_updated, h.resource_id AS next_id, h.version AS next_version, c.fhir_id,
  CASE WHEN strpos(h.body, $5) > 0 THEN substring(h.body from $6) END AS found
FROM resource_history h JOIN resource c ON c.id = h.resource_id
WHERE h.type = 'Binary' AND (h.last_updated, h.resource_id, h.version) > ($1::timestamptz, $2::bigint, $3::bigint)
ORDER BY h.last_updated, h.resource_id, h.version LIMIT $4`;

/** What is looked for in the text of each version. */
interface Sought {
  /** Stands in every text in which there is something to find. */
  readonly marker: string;
  /** A pattern in the form that PostgreSQL and JavaScript share, with one group: what is found. */
  readonly pattern: string;
}

interface Row {
  fhir_id: string;
  found: string | null;
  next_id: string;
}

interface HistoryRow extends Row {
  next_updated: string;
  next_version: string;
}

/**
 * What is found in each version in which there is something, with the id of its Binary. A version that is superseded
 * meanwhile is looked at all the same; one that is written meanwhile may be missed.
 */
export async function* searchBinaryVersions(
  tenant: TenantDatabase,
  sought: Sought,
): AsyncGenerator<{ id: string; found: string }> {
  assertTenantDatabase(tenant);
  // Current versions first: what leaves their table later goes where it is looked at later.
  for await (const page of pagesOf(tenant, currentStatement(sought))) yield* findings(page);
  for await (const page of pagesOf(tenant, historyStatement(sought))) yield* findings(page);
}

function* findings(rows: readonly Row[]): Generator<{ id: string; found: string }> {
  for (const { fhir_id: id, found } of rows) if (found !== null) yield { id, found };
}

/** The rows of a statement that takes the last row of the page before. */
async function* pagesOf<R extends Row>(
  tenant: TenantDatabase,
  statementAfter: (last: R | undefined) => Sql,
): AsyncGenerator<R[]> {
  let last: R | undefined;
  do {
    const statement = statementAfter(last);
    const rows: R[] = await tenant.use((connection) => connection.query<R>(statement));
    yield rows;
    last = rows.length < pageSize ? undefined : rows.at(-1);
  } while (last !== undefined);
}

const currentStatement =
  ({ marker, pattern }: Sought) =>
  (last: Row | undefined): Sql =>
    compiledSql({
      name: 'store_binary_versions',
      text: currentText,
      values: [last?.next_id ?? '0', pageSize, marker, pattern],
    });

const historyStatement =
  ({ marker, pattern }: Sought) =>
  (last: HistoryRow | undefined): Sql =>
    compiledSql({
      name: 'store_binary_history_versions',
      text: historyText,
      values: [
        last?.next_updated ?? '-infinity',
        last?.next_id ?? '0',
        last?.next_version ?? '0',
        pageSize,
        marker,
        pattern,
      ],
    });
