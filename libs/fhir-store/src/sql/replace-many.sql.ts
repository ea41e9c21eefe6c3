/**
 * What `replaceVersion` does, for many resources by few statements: for work that changes all that belongs to somebody
 * while nobody else may write.
 */
import { compiledSql, type Connection } from '#postgres';
import { originArray, originColumns, originValues } from '../audit/audit-origin.js';
import { subjectsOf } from '../audit/audit-subjects.js';
import { assertEpoch, type Caller } from '../caller.js';
import type { Draft } from '../writing/draft.js';
import { instant, type CurrentVersion } from '../stored-version.js';
import { jsonSeparator, plainArray } from './array-literal.js';
import { statementsByTables, writtenRows } from './index-rows.sql.js';
import { oldVersionColumns, supersedeText } from './replace.sql.js';

/** So many are replaced by one statement. */
const CHUNK_SIZE = 500;

const separator = `E'\\x1e'`;
/** A clock that was set back must not make a version older than the one before it. */
const at = 'greatest(i.at, r.last_updated)';

const replaceManyText = (insertRows: string): string => `
WITH gate AS MATERIALIZED (
  SELECT begin_write() AS epoch, date_trunc('milliseconds', clock_timestamp()) AS at
), input AS MATERIALIZED (
  SELECT g.*, nextval('version_seq') AS number, gate.at
  FROM gate, unnest(
    $4::bigint[], $5::bigint[], string_to_array($6, ${separator}), string_to_array($7, ${separator}),
    string_to_array($8, ${separator}), string_to_array($9, ${separator}), string_to_array($10, ${separator}),
    string_to_array($11, ${separator})
  ) WITH ORDINALITY AS g (id, expected, head, tail, extended_meta, tok, sort_texts, subjects, ord)
  WHERE $1::bigint IS NULL OR gate.epoch = $1::bigint
), written AS (
  UPDATE resource r SET
    version = i.number,
    last_updated = ${at},
    writer = pg_current_xact_id(),
    body = i.head || i.number || '","lastUpdated":"' || ${instant(at)} || '"' || i.tail,
    extended_meta = coalesce(i.extended_meta, ''),
    tok = i.tok::uuid[],
    sort_texts = i.sort_texts::jsonb
  FROM input i
  WHERE r.id = i.id AND r.version = i.expected AND NOT r.deleted
  RETURNING ${oldVersionColumns}, i.ord, i.subjects
), placed AS MATERIALIZED (
  SELECT array_agg(id ORDER BY ord) AS ids FROM written HAVING count(*) > 0
)${supersedeText}${insertRows}, audit AS (
  INSERT INTO audit_event (recorded, action, outcome, ${originColumns}, entity, subjects, request_id)
  SELECT last_updated, 'U', 0, ${originValues('$2')}, type || '/' || fhir_id || '/_history/' || version,
         nullif(subjects, ''), $3
  FROM written ORDER BY ord
)
SELECT gate.epoch, coalesce(cardinality(placed.ids), 0) AS replaced FROM gate LEFT JOIN placed ON true`;

const replaceMany = statementsByTables({
  name: 'store_replace_many',
  from: 'placed',
  resourceId: 'placed.ids[v.row]',
  first: 12,
  text: replaceManyText,
});

/** A version that nobody else can change, because it is locked, and what takes its place. */
export interface Replacement {
  readonly expected: CurrentVersion;
  readonly draft: Draft;
}

/**
 * Puts each draft in the place of its version, which must be locked by the transaction of `connection` and be no deletion.
 * Throws StaleRights, and an Error when one of them is no longer the current version; then the transaction must not commit.
 */
export async function replaceVersions(
  connection: Connection,
  epoch: string | undefined,
  caller: Caller,
  replacements: readonly Replacement[],
): Promise<void> {
  for (let from = 0; from < replacements.length; from += CHUNK_SIZE) {
    await replaceChunk(connection, epoch, caller, replacements.slice(from, from + CHUNK_SIZE));
  }
}

async function replaceChunk(
  connection: Connection,
  epoch: string | undefined,
  caller: Caller,
  replacements: readonly Replacement[],
): Promise<void> {
  const rows = writtenRows(replacements.map(({ draft }) => draft.index));
  const lines = (part: (replacement: Replacement) => string) => replacements.map(part).join(jsonSeparator);
  const values = [
    epoch ?? null,
    originArray(caller),
    caller.requestId,
    plainArray(replacements.map(({ expected }) => expected.rowId)),
    plainArray(replacements.map(({ expected }) => expected.versionId)),
    lines(({ draft }) => draft.head),
    lines(({ draft }) => draft.tail),
    lines(({ draft }) => draft.extendedMeta),
    lines(({ draft }) => plainArray(draft.index.tokens)),
    lines(({ draft }) => draft.index.sortTexts),
    lines(({ expected, draft }) => subjectsOf([expected, draft])),
    ...rows.values,
  ];
  const [row] = await connection.query<{ epoch: string; replaced: number }>(
    compiledSql({ ...replaceMany(rows), values }),
  );
  if (row === undefined) throw new Error('The replace statement returned no row.');
  assertEpoch(epoch, row.epoch);
  if (row.replaced !== replacements.length) {
    throw new Error('A resource was changed by somebody else in spite of the lock on it.');
  }
}
