import type { SearchRow, Statement } from '#fhir-search';
import { compiledSql } from '#postgres';
import { assertEpoch } from '../caller.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';

/** A row of a search that found something; its body may have been too much for the page. */
type FoundRow = SearchRow & { readonly id: string };

/** A row whose resource can be shown. */
export type ShownRow = FoundRow & { readonly body: string };

/** What a statement has found, and of that as much from its start as goes into one answer. */
interface Found {
  readonly rows: ShownRow[];
  /** Whether there were rows that did not go in. */
  readonly isCut: boolean;
}

/** The resources that a statement of `toSql` finds, in its order, up to `maxPageBytes`. Throws StaleRights. */
export async function findRows({ connection, epoch }: Scope, statement: Statement): Promise<Found> {
  const rows = await connection.query<SearchRow>(compiledSql(statement));
  assertEpoch(epoch, firstOf(rows).epoch);
  const found = rows.filter((row): row is FoundRow => row.id !== null);
  const shown = found.filter((row): row is ShownRow => row.body !== null);
  return { rows: shown, isCut: shown.length < found.length };
}

/** The first row of an answer that always has one, because the statement starts from the security epoch. */
export function firstOf<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  return row;
}

export const versionOf = (row: ShownRow): StoredVersion => ({
  type: row.type,
  id: row.fhir_id,
  versionId: row.version,
  lastUpdated: row.last_updated,
  deleted: false,
  body: row.body,
  extendedMeta: row.extended_meta,
});
