/**
 * Changes of a Patient's accounts on their way to its compartment. What is still to be carried over stands in the database
 * from the moment when the Patient itself has changed until all has been done, so that nothing is forgotten when the work
 * is cut short.
 */
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import type { Identity } from '../sql/read.sql.js';

/** Which references were added to a Patient's accounts, and which were taken away. */
export interface AccountsChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** The change that has not been carried over, of the resource with that row number; undefined when there is none. */
export async function findAccountsChange(
  connection: Connection,
  rowId: string,
): Promise<(AccountsChange & { readonly version: string }) | undefined> {
  const [row] = await connection.query<{ version: string; added: string[]; removed: string[] }>(
    compiledSql({
      name: 'store_accounts_change',
      text: 'SELECT version, added, removed FROM accounts_change WHERE resource_id = $1',
      values: [rowId],
    }),
  );
  return row;
}

/** Keeps a change until `endAccountsChange`, in the place of an earlier one. */
export async function keepAccountsChange(
  connection: Connection,
  rowId: string,
  version: string,
  { added, removed }: AccountsChange,
): Promise<void> {
  await connection.query(
    compiledSql({
      name: 'store_keep_accounts_change',
      text: `INSERT INTO accounts_change (resource_id, version, added, removed) VALUES ($1, $2, $3, $4)
             ON CONFLICT (resource_id) DO UPDATE
             SET version = excluded.version, added = excluded.added, removed = excluded.removed`,
      values: [rowId, version, added, removed],
    }),
  );
}

/** Forgets the change that came with this version; a later one stays. */
export async function endAccountsChange(connection: Connection, rowId: string, version: string): Promise<void> {
  await connection.query(
    compiledSql({
      name: 'store_end_accounts_change',
      text: 'DELETE FROM accounts_change WHERE resource_id = $1 AND version = $2',
      values: [rowId, version],
    }),
  );
}

const filedText = `
SELECT e.epoch, r.type, r.fhir_id
FROM security_epoch e LEFT JOIN (
  SELECT f.id, f.type, f.fhir_id FROM resource f WHERE f.tok && $1::uuid[]
) r ON true
ORDER BY r.id`;

/** The resources that have one of the tokens, in the order of their creation. Throws StaleRights. */
export async function findByTokens(
  connection: Connection,
  epoch: string | undefined,
  tokens: readonly string[],
): Promise<Identity[]> {
  const rows = await connection.query<{ epoch: string; type: string | null; fhir_id: string | null }>(
    compiledSql({ name: 'store_by_tokens', text: filedText, values: [tokens] }),
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  return rows.flatMap(({ type, fhir_id: id }) => (type === null || id === null ? [] : [{ type, id }]));
}
