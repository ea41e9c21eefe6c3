/**
 * Reading by identity. Every statement starts from the security epoch and joins what it looks for, so that the epoch
 * comes back with an empty answer too: "not found" is told only to somebody whose rights were current at that moment.
 */
import { tooCostly } from '#fhir';
import { maxPageBytes } from '#fhir-search';
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import { textArray } from './array-literal.js';
import {
  instant,
  storedVersion,
  versionColumns,
  type CurrentVersion,
  type StoredVersion,
  type VersionRow,
} from '../stored-version.js';

/** Which resource. */
export interface Identity {
  readonly type: string;
  readonly id: string;
}

type Maybe<Row> = { [Column in keyof Row]: Row[Column] | null };
type CurrentRow = VersionRow & { id: string };

const isPresent = <Row extends { version: string; body: string }>(row: Maybe<Row>): row is Maybe<Row> & Row =>
  row.version !== null && row.body !== null;

/** SQL for whether the bodies of a window, or those up to here when it has an order, fit on a page. */
const fitsPage = (body: string, window: string): string =>
  `sum(octet_length(${body})) OVER ${window} <= ${maxPageBytes}`;

/** A version whose body was left out because it did not fit. */
const isCut = (row: Maybe<VersionRow>): boolean => row.version !== null && row.body === null;

function assertFitsPage(rows: readonly Maybe<VersionRow>[]): void {
  if (rows.some(isCut)) throw tooCostly(`The resources have more than ${maxPageBytes} bytes; ask for fewer at a time`);
}

/** Throws StaleRights unless `epoch` is the one of this moment. */
export async function assertCurrentEpoch(connection: Connection, epoch: string | undefined): Promise<void> {
  const [row] = await connection.query<{ epoch: string }>(
    compiledSql({ name: 'store_epoch', text: 'SELECT epoch FROM security_epoch', values: [] }),
  );
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, row.epoch);
}

const currentText = `
SELECT e.epoch, r.id, ${versionColumns('r')}
FROM security_epoch e LEFT JOIN resource r ON r.type = $1 AND r.fhir_id = $2`;

/** The current version, a deleted one too; undefined when there never was such a resource. Throws StaleRights. */
export async function findCurrent(
  connection: Connection,
  epoch: string | undefined,
  type: string,
  id: string,
): Promise<CurrentVersion | undefined> {
  const [row] = await connection.query<{ epoch: string } & Maybe<CurrentRow>>(
    compiledSql({ name: 'store_read', text: currentText, values: [type, id] }),
  );
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, row.epoch);
  return isPresent<CurrentRow>(row) ? { ...storedVersion(type, id, row), rowId: row.id } : undefined;
}

const eachText = `
SELECT e.epoch, r.id, ${versionColumns('r')}
FROM security_epoch e
CROSS JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (type, fhir_id, position)
LEFT JOIN resource r ON r.type = k.type AND r.fhir_id = k.fhir_id
ORDER BY k.position`;

/**
 * The same for several resources (at least one), which need not be different: the epoch of this moment, and each one's
 * version in the place where it was asked for. The caller compares the epoch.
 */
export async function findEachCurrent(
  connection: Connection,
  identities: readonly Identity[],
): Promise<{ readonly epoch: string; readonly versions: readonly (CurrentVersion | undefined)[] }> {
  const values = [textArray(identities.map(({ type }) => type)), textArray(identities.map(({ id }) => id))];
  const rows = await connection.query<{ epoch: string } & Maybe<CurrentRow>>(
    compiledSql({ name: 'store_read_each', text: eachText, values }),
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  const versions = identities.map(({ type, id }, place) => {
    const row = rows[place];
    return row !== undefined && isPresent<CurrentRow>(row)
      ? { ...storedVersion(type, id, row), rowId: row.id }
      : undefined;
  });
  return { epoch: first.epoch, versions };
}

const versionText = `
SELECT e.epoch, c.id IS NOT NULL AS known, ${versionColumns('v')}
FROM security_epoch e
LEFT JOIN resource c ON c.type = $1 AND c.fhir_id = $2
LEFT JOIN LATERAL (
  SELECT c.version, c.last_updated, c.deleted, c.body, c.extended_meta WHERE c.version = $3::bigint
  UNION ALL
  SELECT h.version, h.last_updated, h.deleted, h.body, h.extended_meta
  FROM resource_history h WHERE h.resource_id = c.id AND h.version = $3::bigint
) v ON true`;

/** The version of that number of that resource; undefined when there is none. Throws StaleRights. */
export async function findVersion(
  connection: Connection,
  epoch: string | undefined,
  type: string,
  id: string,
  versionId: string,
): Promise<StoredVersion | undefined> {
  const [row] = await connection.query<{ epoch: string } & Maybe<VersionRow>>(
    compiledSql({ name: 'store_vread', text: versionText, values: [type, id, versionId] }),
  );
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, row.epoch);
  return isPresent<VersionRow>(row) ? storedVersion(type, id, row) : undefined;
}

const lastContentText = `
SELECT e.epoch, ${versionColumns('v')}
FROM security_epoch e LEFT JOIN LATERAL (
  SELECT h.version, h.last_updated, h.deleted, h.body, h.extended_meta
  FROM resource c JOIN resource_history h ON h.resource_id = c.id
  WHERE c.type = $1 AND c.fhir_id = $2 AND NOT h.deleted
  ORDER BY h.version DESC LIMIT 1
) v ON true`;

/**
 * The latest superseded version of the resource that is no deletion: of a deleted resource what it was before, by which
 * it is judged. Undefined when there is none. Throws StaleRights.
 */
export async function findLastContent(
  connection: Connection,
  epoch: string | undefined,
  type: string,
  id: string,
): Promise<StoredVersion | undefined> {
  const [row] = await connection.query<{ epoch: string } & Maybe<VersionRow>>(
    compiledSql({ name: 'store_read_last_content', text: lastContentText, values: [type, id] }),
  );
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, row.epoch);
  return isPresent<VersionRow>(row) ? storedVersion(type, id, row) : undefined;
}

// The first is read however long it is, so that something is read each time.
const contentsText = `
SELECT e.epoch, v.row_id AS id, v.type, v.fhir_id, ${versionColumns('v')}
FROM security_epoch e LEFT JOIN (
  SELECT r.id AS row_id, r.type, r.fhir_id, c.version, c.last_updated, c.deleted, c.extended_meta,
         CASE WHEN row_number() OVER w = 1 OR ${fitsPage('c.body', 'w')} THEN c.body END AS body
  FROM resource r CROSS JOIN LATERAL (
    SELECT r.version, r.last_updated, r.deleted, r.body, r.extended_meta WHERE NOT r.deleted
    UNION ALL (
      SELECT h.version, h.last_updated, h.deleted, h.body, h.extended_meta
      FROM resource_history h WHERE r.deleted AND h.resource_id = r.id AND NOT h.deleted
      ORDER BY h.version DESC LIMIT 1
    )
  ) c
  WHERE r.id = ANY ($1::bigint[])
  WINDOW w AS (ORDER BY r.id)
) v ON true`;

/**
 * By the number of its row, the content by which each of the resources is judged: the current one, or the last one
 * before its deletion. `unread` are those for which there was no room on a page: ask for them again. Throws StaleRights.
 */
export async function findContents(
  connection: Connection,
  epoch: string | undefined,
  rowIds: readonly string[],
): Promise<{ readonly contents: Map<string, StoredVersion>; readonly unread: readonly string[] }> {
  type Row = CurrentRow & { type: string; fhir_id: string };
  const rows = await connection.query<{ epoch: string } & Maybe<Row>>(
    compiledSql({ name: 'store_read_contents', text: contentsText, values: [rowIds] }),
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  const present = rows.filter((row) => isPresent<Row>(row));
  return {
    contents: new Map(present.map((row) => [row.id, storedVersion(row.type, row.fhir_id, row)])),
    unread: rows.flatMap((row) => (isCut(row) && row.id !== null ? row.id : [])),
  };
}

const manyText = `
SELECT e.epoch, r.type, r.fhir_id, r.version, ${instant('r.last_updated')} AS last_updated, r.deleted, r.extended_meta,
       CASE WHEN ${fitsPage('r.body', '()')} THEN r.body END AS body
FROM security_epoch e
LEFT JOIN (unnest($1::text[], $2::text[]) AS k (type, fhir_id) JOIN resource r ON r.type = k.type AND r.fhir_id = k.fhir_id)
  ON NOT r.deleted`;

/**
 * The current versions of those of `identities` that exist and are not deleted, keyed by `Type/id`. Throws StaleRights, and
 * OutcomeError `too-costly` when their bodies have more bytes than a page.
 */
export async function findMany(
  connection: Connection,
  epoch: string | undefined,
  identities: readonly Identity[],
): Promise<Map<string, StoredVersion>> {
  const rows = await connection.query<{ epoch: string } & Maybe<VersionRow & { type: string; fhir_id: string }>>(
    compiledSql({
      name: 'store_read_many',
      text: manyText,
      values: [identities.map(({ type }) => type), identities.map(({ id }) => id)],
    }),
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  assertFitsPage(rows);
  return new Map(
    rows
      .filter((row) => isPresent<VersionRow & { type: string; fhir_id: string }>(row))
      .map((row) => [`${row.type}/${row.fhir_id}`, storedVersion(row.type, row.fhir_id, row)]),
  );
}

const idsText = `
SELECT e.epoch, r.fhir_id
FROM security_epoch e LEFT JOIN resource r ON r.type = $1 AND r.fhir_id = ANY ($2::text[]) AND NOT r.deleted`;

/** Those of `ids` that resources of the type have which are not deleted. Throws StaleRights. */
export async function findIds(
  connection: Connection,
  epoch: string | undefined,
  type: string,
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await connection.query<{ epoch: string; fhir_id: string | null }>(
    compiledSql({ name: 'store_read_ids', text: idsText, values: [type, ids] }),
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  return new Set(rows.map((row) => row.fhir_id).filter((id) => id !== null));
}

// Measured behind the locks, since a window function and FOR UPDATE cannot stand in one SELECT; a body that is not handed
// on is not read either.
const lockText = `
WITH locked AS (
  SELECT r.id, r.type, r.fhir_id, r.version, r.last_updated, r.deleted, r.body, r.extended_meta
  FROM unnest($1::text[], $2::text[]) AS k (type, fhir_id) JOIN resource r ON r.type = k.type AND r.fhir_id = k.fhir_id
  ORDER BY r.id FOR UPDATE OF r
)
SELECT v.id, v.type, v.fhir_id, ${versionColumns('v')}
FROM (SELECT id, type, fhir_id, version, last_updated, deleted, extended_meta,
             CASE WHEN ${fitsPage('body', '()')} THEN body END AS body
      FROM locked) v`;

// What every update and deletion by id begins with.
const lockOneText = `
SELECT r.id, r.type, r.fhir_id, ${versionColumns('r')}
FROM resource r WHERE r.type = $1 AND r.fhir_id = $2 FOR UPDATE`;

/**
 * The current versions of those of `identities` that exist, keyed by `Type/id`, locked until the transaction ends. The
 * locks are taken in one order, so that two transactions over the same resources wait for each other and never in a ring.
 * Throws OutcomeError `too-costly` when several have more bytes together than a page.
 */
export async function lockCurrent(
  transaction: Connection,
  identities: readonly Identity[],
): Promise<Map<string, CurrentVersion>> {
  const [first, ...others] = identities;
  if (first === undefined) return new Map();
  const statement =
    others.length === 0
      ? { name: 'store_lock_one', text: lockOneText, values: [first.type, first.id] }
      : {
          name: 'store_lock',
          text: lockText,
          values: [identities.map(({ type }) => type), identities.map(({ id }) => id)],
        };
  const rows = await transaction.query<Maybe<CurrentRow> & { type: string; fhir_id: string }>(compiledSql(statement));
  assertFitsPage(rows);
  return new Map(
    rows
      .filter((row) => isPresent<CurrentRow & { type: string; fhir_id: string }>(row))
      .map((row) => [`${row.type}/${row.fhir_id}`, { ...storedVersion(row.type, row.fhir_id, row), rowId: row.id }]),
  );
}
