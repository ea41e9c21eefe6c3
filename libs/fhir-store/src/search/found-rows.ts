import type { SearchRow, Statement } from '#fhir-search';
import { compiledSql } from '#postgres';
import { assertEpoch } from '../caller.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';

/** A row of a search that found something. */
export type FoundRow = SearchRow & { readonly id: string };

/** The resources that a statement of `toSql` finds, in its order. Throws StaleRights. */
export async function findRows({ connection, epoch }: Scope, statement: Statement): Promise<FoundRow[]> {
  const rows = await connection.query<SearchRow>(compiledSql(statement));
  assertEpoch(epoch, firstOf(rows).epoch);
  return rows.filter((row): row is FoundRow => row.id !== null);
}

/** The first row of an answer that always has one, because the statement starts from the security epoch. */
export function firstOf<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  return row;
}

export const versionOf = (row: FoundRow): StoredVersion => ({
  type: row.type,
  id: row.fhir_id,
  versionId: row.version,
  lastUpdated: row.last_updated,
  deleted: false,
  body: row.body,
  extendedMeta: row.extended_meta,
});
