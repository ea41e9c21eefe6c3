/**
 * Pages of versions. History is the union of the current rows and of those that were superseded; moving from the one to
 * the other changes neither a version's number nor its moment, and those are what pages are cut by. So whatever is
 * written meanwhile, every version that was there at the first page stands on exactly one page.
 *
 * The order is (last_updated, resource, version). Each branch walks an index in that order and stops at the page's end,
 * so a page costs what it shows, however many versions there are.
 */
import { maxPageBytes } from '#fhir-search';
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import { instant, storedVersion, type StoredVersion, type VersionRow } from '../stored-version.js';

/** Where a version stands in the order of histories. */
export interface HistoryPosition {
  readonly lastUpdated: string;
  readonly rowId: string;
  readonly versionId: string;
}

/** Which versions, and which of them are on the page. Moments are texts that PostgreSQL reads as timestamptz. */
export interface HistoryWindow {
  readonly from: string;
  /** Included. */
  readonly until: string;
  /** Only versions that were current after this moment. */
  readonly currentAfter: string;
  /** The page starts behind it. */
  readonly after?: HistoryPosition;
  readonly ascending: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** A version in a history. */
export interface HistoryVersion extends StoredVersion {
  readonly rowId: string;
}

/** The versions that a statement has found, and of those as many from the start as go into one answer. */
export interface FoundVersions {
  readonly versions: HistoryVersion[];
  /** Whether there were versions that did not go in. */
  readonly isCut: boolean;
}

interface HistoryRow extends Omit<VersionRow, 'body'> {
  /** Null when the versions up to this one have more bytes than a page. */
  body: string | null;
  epoch: string;
  row_id: string;
  type: string;
  fhir_id: string;
}

type Maybe<Row> = { [Column in keyof Row]: Row[Column] | null };

const ends: Record<'true' | 'false', HistoryPosition> = {
  true: { lastUpdated: '-infinity', rowId: '0', versionId: '0' },
  false: { lastUpdated: 'infinity', rowId: '9223372036854775807', versionId: '9223372036854775807' },
};

/** The body, until those before it in the window `w` and itself come to more than a page's worth of bytes. */
const bodyWithinPage = (body: string): string =>
  `CASE WHEN sum(octet_length(${body})) OVER w <= ${maxPageBytes} THEN ${body} END AS body`;

const columns = `${instant('p.last_updated')} AS last_updated, p.version, p.row_id`;

/** The parts of the statement that tell one direction from the other. */
const directions = {
  descending: { behind: '<', order: 'DESC' },
  ascending: { behind: '>', order: 'ASC' },
} as const;
type Direction = keyof typeof directions;

/** $1 types, $2 from, $3 until, $4 current after, $5..$7 the position behind which the page starts, $8 limit, $9 offset. */
function typesText(direction: Direction): string {
  const { behind, order } = directions[direction];
  const position = '($5::timestamptz, $6::bigint, $7::bigint)';
  const orderBy = (...keys: string[]) => `ORDER BY ${keys.map((key) => `${key} ${order}`).join(', ')}`;
  const current = (deleted: boolean) => `(
      SELECT r.last_updated, r.id AS row_id, r.version, true AS is_current FROM resource r
      WHERE r.type = t.type AND ${deleted ? 'r.deleted' : 'NOT r.deleted'}
        AND r.last_updated >= $2::timestamptz AND r.last_updated <= $3::timestamptz
        AND (r.last_updated, r.id) ${behind}= ($5::timestamptz, $6::bigint)
        AND (r.last_updated, r.id, r.version) ${behind} ${position}
      ${orderBy('r.last_updated', 'r.id')} LIMIT $8::bigint + $9::bigint
    )`;
  return `
WITH page AS MATERIALIZED (
  SELECT k.* FROM unnest($1::text[]) AS t (type) CROSS JOIN LATERAL (
    ${current(false)} UNION ALL ${current(true)} UNION ALL (
      SELECT h.last_updated, h.resource_id, h.version, false FROM resource_history h
      WHERE h.type = t.type AND h.last_updated >= $2::timestamptz AND h.last_updated <= $3::timestamptz
        AND h.superseded > $4::timestamptz
        AND (h.last_updated, h.resource_id, h.version) ${behind} ${position}
      ${orderBy('h.last_updated', 'h.resource_id', 'h.version')} LIMIT $8::bigint + $9::bigint
    )
  ) k
  ${orderBy('k.last_updated', 'k.row_id', 'k.version')} LIMIT $8::bigint OFFSET $9::bigint
)
SELECT e.epoch, ${columns}, c.type, c.fhir_id, coalesce(h.deleted, c.deleted) AS deleted,
       ${bodyWithinPage('coalesce(h.body, c.body)')},
       coalesce(h.extended_meta, c.extended_meta) AS extended_meta
FROM security_epoch e
LEFT JOIN page p ON true
LEFT JOIN resource c ON c.id = p.row_id
LEFT JOIN resource_history h ON NOT p.is_current AND h.resource_id = p.row_id AND h.version = p.version
WINDOW w AS (${orderBy('p.last_updated', 'p.row_id', 'p.version')} ROWS UNBOUNDED PRECEDING)
${orderBy('p.last_updated', 'p.row_id', 'p.version')}`;
}

const typesTexts = { descending: typesText('descending'), ascending: typesText('ascending') };

/** A page of the versions of all resources of `types`, up to `maxPageBytes`. Throws StaleRights. */
export async function findHistoryOfTypes(
  connection: Connection,
  epoch: string | undefined,
  types: readonly string[],
  window: HistoryWindow,
): Promise<FoundVersions> {
  const direction: Direction = window.ascending ? 'ascending' : 'descending';
  const { lastUpdated, rowId, versionId } = window.after ?? ends[`${window.ascending}`];
  const rows = await connection.query<Maybe<HistoryRow> & { epoch: string }>(
    compiledSql({
      name: `store_history_types_${direction}`,
      text: typesTexts[direction],
      values: [
        types,
        window.from,
        window.until,
        window.currentAfter,
        lastUpdated,
        rowId,
        versionId,
        window.limit,
        window.offset,
      ],
    }),
  );
  assertEpoch(epoch, firstOf(rows).epoch);
  return shown(rows.filter(isPresent));
}

/** $1 type, $2 id, $3 from, $4 until, $5 current after, $6 the version behind which the page starts, $7 limit, $8 offset. */
function instanceText(direction: Direction): string {
  const { behind, order } = directions[direction];
  const inWindow = (row: string) => `${row}.last_updated >= $3::timestamptz AND ${row}.last_updated <= $4::timestamptz`;
  const superseded = `h.resource_id = c.id AND ${inWindow('h')} AND h.superseded > $5::timestamptz`;
  return `
SELECT e.epoch, c.id IS NOT NULL AS known,
       (SELECT count(*) FROM resource_history h WHERE ${superseded}) + (${inWindow('c')})::int AS total,
       ${columns}, p.deleted, ${bodyWithinPage('p.body')}, p.extended_meta
FROM security_epoch e
LEFT JOIN resource c ON c.type = $1 AND c.fhir_id = $2
LEFT JOIN LATERAL (
  SELECT c.id AS row_id, c.version, c.last_updated, c.deleted, c.body, c.extended_meta
  WHERE ${inWindow('c')} AND c.version ${behind} $6::bigint
  UNION ALL
  SELECT h.resource_id, h.version, h.last_updated, h.deleted, h.body, h.extended_meta
  FROM resource_history h WHERE ${superseded} AND h.version ${behind} $6::bigint
  ORDER BY version ${order} LIMIT $7::bigint OFFSET $8::bigint
) p ON true
WINDOW w AS (ORDER BY p.version ${order} ROWS UNBOUNDED PRECEDING)
ORDER BY p.version ${order}`;
}

const instanceTexts = { descending: instanceText('descending'), ascending: instanceText('ascending') };

/** A page of the versions of one resource, and how many there are; undefined when there never was such a resource. */
export async function findHistoryOfOne(
  connection: Connection,
  epoch: string | undefined,
  type: string,
  id: string,
  window: HistoryWindow,
): Promise<({ total: number } & FoundVersions) | undefined> {
  const direction: Direction = window.ascending ? 'ascending' : 'descending';
  const { versionId } = window.after ?? ends[`${window.ascending}`];
  const rows = await connection.query<Maybe<HistoryRow> & { epoch: string; known: boolean; total: string | null }>(
    compiledSql({
      name: `store_history_${direction}`,
      text: instanceTexts[direction],
      values: [type, id, window.from, window.until, window.currentAfter, versionId, window.limit, window.offset],
    }),
  );
  const first = firstOf(rows);
  assertEpoch(epoch, first.epoch);
  if (!first.known) return undefined;
  return { total: Number(first.total), ...shown(rows.filter(isPresent).map((row) => ({ ...row, type, fhir_id: id }))) };
}

/** The backend keeps what it has read of the others until its transaction ends. */
const forgetActivityText = 'SELECT pg_stat_clear_snapshot()';

/**
 * A transaction takes the moment of a version from the clock while it runs, so never before its own start, and a
 * backend shows itself as busy before it takes one. What is older than the start of the oldest transaction that is
 * running now, and than this very moment, is therefore committed or was rolled back.
 */
const horizonText = `
SELECT ${instant(`date_trunc('milliseconds', least(statement_timestamp(), (
  SELECT min(a.xact_start) FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state <> 'idle'
)))`)} AS horizon`;

/**
 * A moment up to which the history is complete: no version of it or before it will appear after this call, in whatever
 * order writers commit. A statement that is to rely on it must start after it has been read.
 */
export async function completeUntil(connection: Connection): Promise<string> {
  const forgotten = connection.query(compiledSql({ text: forgetActivityText, values: [] }));
  const read = connection.query<{ horizon: string }>(
    compiledSql({ name: 'store_history_horizon', text: horizonText, values: [] }),
  );
  const [, rows] = await Promise.all([forgotten, read]);
  return firstOf(rows).horizon;
}

const isPresent = <Row extends { version: string | null }>(row: Row): row is Row & HistoryRow => row.version !== null;

function shown(rows: readonly HistoryRow[]): FoundVersions {
  const versions = rows.flatMap(({ body, ...row }) =>
    body === null ? [] : { ...storedVersion(row.type, row.fhir_id, { ...row, body }), rowId: row.row_id },
  );
  return { versions, isCut: versions.length < rows.length };
}

function firstOf<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  return row;
}
