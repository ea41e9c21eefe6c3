/** Removing resources with all that is known of them, and finding what belongs to a chart, deleted resources included. */
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import type { Identity } from '../sql/read.sql.js';

/** Removes the resources with these row numbers: every version and every index row. Returns how many versions went. */
export async function removeResources(transaction: Connection, rowIds: readonly string[]): Promise<number> {
  const [row] = await transaction.query<{ removed: string }>(
    compiledSql({
      name: 'store_expunge',
      text: 'SELECT expunge_resources($1::bigint[]) AS removed',
      values: [rowIds],
    }),
  );
  return Number(row?.removed ?? 0);
}

/** A resource of a chart; `rowId` is its place in the order of their creation. */
export interface ChartMember extends Identity {
  readonly rowId: string;
  readonly deleted: boolean;
  readonly extendedMeta: string;
}

/** By what the members of a chart are found: the current ones by tokens, deleted ones by what their meta still says. */
export interface ChartSearch {
  readonly tokens: readonly string[];
  readonly types: readonly string[];
  /** `Patient/1` */
  readonly patient: string;
}

const membersText = `
SELECT e.epoch, r.id, r.type, r.fhir_id, r.deleted, r.extended_meta
FROM security_epoch e LEFT JOIN LATERAL (
  SELECT m.* FROM (
    SELECT c.id, c.type, c.fhir_id, c.deleted, c.extended_meta FROM resource c
    WHERE c.tok && $1::uuid[] AND c.id > $4::bigint
    UNION ALL
    SELECT d.id, d.type, d.fhir_id, d.deleted, d.extended_meta FROM resource d
    WHERE d.deleted AND d.type = ANY ($2::text[]) AND strpos(d.extended_meta, $3) > 0 AND d.id > $4::bigint
  ) m ORDER BY m.id LIMIT $5::bigint
) r ON true
ORDER BY r.id`;

type Row = { [Column in 'id' | 'type' | 'fhir_id' | 'extended_meta']: string | null } & {
  epoch: string;
  deleted: boolean | null;
};

/**
 * The first `limit` resources behind row `after` that are in the chart, or may have been when they were deleted: what the
 * meta of those says is for the caller to read. Throws StaleRights.
 */
export async function findChartMembers(
  connection: Connection,
  epoch: string | undefined,
  { tokens, types, patient }: ChartSearch,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<ChartMember[]> {
  const values = [tokens, types, `"reference":"${patient}"`, after, limit];
  const rows = await connection.query<Row>(compiledSql({ name: 'store_expunge_members', text: membersText, values }));
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  return rows.flatMap(({ id: rowId, type, fhir_id: id, deleted, extended_meta: extendedMeta }) =>
    rowId === null || type === null || id === null || extendedMeta === null
      ? []
      : [{ rowId, type, id, deleted: deleted === true, extendedMeta }],
  );
}
