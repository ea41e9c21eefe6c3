/**
 * The create path: one statement for one or many resources. It takes the write lock and reads the epoch, gives numbers
 * and the instant, writes the resources, their index rows and the audit, or does nothing at all when the epoch is not
 * the caller's. All parts are data-modifying CTEs that hang on `input`, so they happen together or not at all.
 */
import { compiledSql, type Connection } from '#postgres';
import { originArray, originColumns, originValues } from '../audit/audit-origin.js';
import { subjectsOf } from '../audit/audit-subjects.js';
import { assertEpoch, type Caller } from '../caller.js';
import { bodyOf, type Draft } from '../writing/draft.js';
import { instant, type StoredVersion } from '../stored-version.js';
import { jsonSeparator, plainArray } from './array-literal.js';
import { noRows, statementsByTables, writtenRows, type IndexTableName, type WrittenRows } from './index-rows.sql.js';

interface Rows {
  /** Selects the rows from `gate`, with their place `ord` among the drafts. */
  readonly input: string;
  /** The numbers of the resources of `input`, in order; no row when there are none. */
  readonly ids: string;
}

/** One draft: its parts are the parameters themselves. */
const oneRow: Rows = {
  input: `SELECT $4::text AS type, $5::text AS fhir_id, $6::text AS head, $7::text AS tail, $8::text AS extended_meta,
         $9::uuid[] AS tok, $10::uuid AS self, $11::jsonb AS sort_texts, $12::text AS subjects, 1 AS ord, gate.* FROM gate`,
  ids: 'SELECT ARRAY[id] AS ids FROM input',
};

const separator = `E'\\x1e'`;

/** Any number of drafts: their parts are joined, which is cheaper than array literals full of escapes. */
const manyRows: Rows = {
  input: `SELECT r.type, r.fhir_id, r.head, r.tail, coalesce(r.extended_meta, '') AS extended_meta, r.tok::uuid[] AS tok, r.self::uuid AS self, r.sort_texts::jsonb AS sort_texts,
         r.subjects, r.ord, gate.*
  FROM gate, unnest(
    string_to_array($4, ${separator}), string_to_array($5, ${separator}), string_to_array($6, ${separator}),
    string_to_array($7, ${separator}), string_to_array($8, ${separator}), string_to_array($9, ${separator}),
    string_to_array($10, ${separator}), string_to_array($11, ${separator}), string_to_array($12, ${separator})
  ) WITH ORDINALITY AS r (type, fhir_id, head, tail, extended_meta, tok, self, sort_texts, subjects, ord)`,
  ids: 'SELECT array_agg(id ORDER BY ord) AS ids FROM input HAVING count(*) > 0',
};

const insertText = (rows: Rows, insertRows: string): string => `
WITH gate AS MATERIALIZED (
  SELECT begin_write() AS epoch, date_trunc('milliseconds', clock_timestamp()) AS at
), input AS MATERIALIZED (
  SELECT r.*, nextval('version_seq') AS id, ${instant('r.at')} AS at_text
  FROM (${rows.input}) r
  WHERE $1::bigint IS NULL OR r.epoch = $1::bigint
), written AS MATERIALIZED (
  ${rows.ids}
), resources AS (
  INSERT INTO resource (id, type, fhir_id, version, last_updated, body, extended_meta, tok, self, sort_texts)
  SELECT id, type, fhir_id, id, at, head || id || '","lastUpdated":"' || at_text || '"' || tail, extended_meta, tok, self,
         sort_texts
  FROM input
)${insertRows}, audit AS (
  INSERT INTO audit_event (recorded, action, outcome, ${originColumns}, entity, subjects, request_id)
  SELECT at, 'C', 0, ${originValues('$2')}, type || '/' || fhir_id || '/_history/' || id, nullif(subjects, ''), $3 FROM input
)
SELECT gate.epoch, ${instant('gate.at')} AS at, written.ids::text AS ids FROM gate LEFT JOIN written ON true`;

const place = { from: 'written', resourceId: 'written.ids[v.row]', first: 13 };
const insertOne = statementsByTables({ name: 'store_insert_one', ...place, text: (rows) => insertText(oneRow, rows) });
const insertMany = statementsByTables({
  name: 'store_insert_many',
  ...place,
  text: (rows) => insertText(manyRows, rows),
});

/** Has the server plan the statement that writes several resources with rows in these tables. Changes nothing. */
export async function rehearseInsert(
  connection: Connection,
  caller: Caller,
  tables: readonly IndexTableName[],
): Promise<void> {
  const rows = noRows(tables);
  await connection.query(compiledSql({ ...insertMany(rows), values: valuesOf(undefined, caller, [], rows) }));
}

/**
 * Writes the first versions of `drafts`, in order, and returns them. Throws StaleRights when the epoch is not `epoch`;
 * fails with a unique violation when one of the ids is there already.
 */
export async function insertResources(
  connection: Connection,
  epoch: string | undefined,
  caller: Caller,
  drafts: readonly Draft[],
): Promise<StoredVersion[]> {
  const rows = writtenRows(drafts.map((draft) => draft.index));
  const values = valuesOf(epoch, caller, drafts, rows);
  const [row] = await connection.query<{ epoch: string; at: string; ids: string | null }>(
    compiledSql({ ...(drafts.length === 1 ? insertOne : insertMany)(rows), values }),
  );
  if (row === undefined) throw new Error('The insert statement returned no row.');
  assertEpoch(epoch, row.epoch);
  const versionIds = (row.ids ?? '{}').slice(1, -1).split(',');
  return drafts.map((draft, position) => {
    const versionId = versionIds[position];
    if (versionId === undefined) throw new Error('The insert statement returned too few version ids.');
    return {
      type: draft.type,
      id: draft.id,
      versionId,
      lastUpdated: row.at,
      deleted: false,
      body: bodyOf(draft, versionId, row.at),
      extendedMeta: draft.extendedMeta,
    };
  });
}

function valuesOf(
  epoch: string | undefined,
  caller: Caller,
  drafts: readonly Draft[],
  rows: WrittenRows,
): (string | null)[] {
  // A single draft's part joined is the part itself, so both statements take the same values.
  const lines = (part: (draft: Draft) => string) => drafts.map(part).join(jsonSeparator);
  return [
    epoch ?? null,
    originArray(caller),
    caller.requestId,
    lines((draft) => draft.type),
    lines((draft) => draft.id),
    lines((draft) => draft.head),
    lines((draft) => draft.tail),
    lines((draft) => draft.extendedMeta),
    lines((draft) => plainArray(draft.index.tokens)),
    lines((draft) => draft.self),
    lines((draft) => draft.index.sortTexts),
    lines((draft) => subjectsOf([draft])),
    ...rows.values,
  ];
}
