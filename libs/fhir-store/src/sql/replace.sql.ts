/**
 * The path of update and delete: one statement that moves the current version into the history, writes the new one and
 * its index rows, and the audit; only while `expected` still is the current version and the epoch is the caller's.
 *
 * Every version's number is unique, so an unchanged number means that nobody else has touched the resource since it was
 * read: its index rows were all visible to that read, and therefore are to this statement, which deletes them.
 */
import type { IndexRows } from '#fhir-search';
import { compiledSql, type Connection } from '#postgres';
import { originArray, originColumns, originValues } from '../audit/audit-origin.js';
import { subjectsOf } from '../audit/audit-subjects.js';
import { assertEpoch, type Caller } from '../caller.js';
import { bodyOf, type Draft } from '../writing/draft.js';
import { instant, type CurrentVersion, type StoredVersion } from '../stored-version.js';
import { plainArray } from './array-literal.js';
import { statementsByTables, writtenRows } from './index-rows.sql.js';

/** A clock that was set back must not make a version older than the one before it. */
const at = 'greatest(number.at, r.last_updated)';

/** What an update of `resource r`, a CTE by the name `written`, returns for `supersedeText`. */
export const oldVersionColumns = `r.id, r.type, r.fhir_id, old.version AS old_version, old.last_updated AS old_last_updated,
    old.writer AS old_writer, old.deleted AS old_deleted, old.body AS old_body, old.extended_meta AS old_extended_meta,
    new.version, new.last_updated`;

/** CTEs, each behind a comma, that move what `written` has replaced into the history, and remove its index rows. */
export const supersedeText = `, superseded AS (
  INSERT INTO resource_history (resource_id, version, type, last_updated, superseded, writer, deleted, body, extended_meta)
  SELECT id, old_version, type, old_last_updated, last_updated, old_writer, old_deleted, old_body, old_extended_meta FROM written
), old_references AS (
  DELETE FROM resource_reference d USING written WHERE d.resource_id = written.id
), old_strings AS (
  DELETE FROM resource_string d USING written WHERE d.resource_id = written.id
), old_dates AS (
  DELETE FROM resource_date d USING written WHERE d.resource_id = written.id
), old_numbers AS (
  DELETE FROM resource_number d USING written WHERE d.resource_id = written.id
), old_text AS (
  DELETE FROM resource_text d USING written WHERE d.resource_id = written.id
)`;

const replaceText = (insertRows: string): string => `
WITH gate AS MATERIALIZED (
  SELECT begin_write() AS epoch, date_trunc('milliseconds', clock_timestamp()) AS at
), number AS MATERIALIZED (
  SELECT nextval('version_seq') AS version, gate.at FROM gate WHERE $1::bigint IS NULL OR gate.epoch = $1::bigint
), written AS (
  UPDATE resource r SET
    version = number.version,
    last_updated = ${at},
    writer = pg_current_xact_id(),
    deleted = $6::boolean,
    body = CASE WHEN $6::boolean THEN '' ELSE $7::text || number.version || '","lastUpdated":"' || ${instant(at)} || '"' || $8::text END,
    extended_meta = $9::text,
    tok = $10::uuid[],
    sort_texts = $11::jsonb
  FROM number
  WHERE r.id = $4::bigint AND r.version = $5::bigint
  RETURNING ${oldVersionColumns}
)${supersedeText}${insertRows}, audit AS (
  INSERT INTO audit_event (recorded, action, outcome, ${originColumns}, entity, subjects, request_id)
  SELECT last_updated, CASE WHEN $6::boolean THEN 'D' ELSE 'U' END::"char", 0, ${originValues('$2')},
         type || '/' || fhir_id || '/_history/' || version, nullif($12::text, ''), $3
  FROM written
)
SELECT gate.epoch, written.version, ${instant('written.last_updated')} AS last_updated
FROM gate LEFT JOIN written ON true`;

const replace = statementsByTables({
  name: 'store_replace',
  from: 'written',
  resourceId: 'written.id',
  first: 13,
  text: replaceText,
});

const nothing: IndexRows = {
  tokens: [],
  references: [],
  strings: [],
  dates: [],
  numbers: [],
  words: '',
  sortTexts: '{}',
};

/**
 * Puts the new version, `draft`, or a deletion when there is none, in the place of `expected`. Returns undefined when
 * `expected` is no longer the current version: then nothing was written and the caller decides again. Throws StaleRights.
 */
export async function replaceVersion(
  connection: Connection,
  epoch: string | undefined,
  caller: Caller,
  expected: CurrentVersion,
  draft: Draft | undefined,
): Promise<StoredVersion | undefined> {
  const index = draft?.index ?? nothing;
  const extendedMeta = draft?.extendedMeta ?? expected.extendedMeta;
  const rows = writtenRows([index]);
  const values = [
    epoch ?? null,
    originArray(caller),
    caller.requestId,
    expected.rowId,
    expected.versionId,
    draft === undefined,
    draft?.head ?? '',
    draft?.tail ?? '',
    extendedMeta,
    plainArray(index.tokens),
    index.sortTexts,
    // A resource that leaves somebody's chart was theirs until now.
    subjectsOf(draft === undefined ? [expected] : [expected, draft]),
    ...rows.values,
  ];
  const [row] = await connection.query<{ epoch: string; version: string | null; last_updated: string | null }>(
    compiledSql({ ...replace(rows), values }),
  );
  if (row === undefined) throw new Error('The replace statement returned no row.');
  assertEpoch(epoch, row.epoch);
  if (row.version === null || row.last_updated === null) return undefined;
  return {
    type: expected.type,
    id: expected.id,
    versionId: row.version,
    lastUpdated: row.last_updated,
    deleted: draft === undefined,
    body: draft === undefined ? '' : bodyOf(draft, row.version, row.last_updated),
    extendedMeta,
  };
}
