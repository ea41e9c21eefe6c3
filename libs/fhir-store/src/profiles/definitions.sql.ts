/** StructureDefinitions by their canonical urls. They are looked up for the server's own use, whoever writes. */
import { compiledSql, type Connection } from '#postgres';

/** A version of a StructureDefinition, by number of its row. */
export interface DefinitionRow {
  /** The token of its url. */
  readonly token: string;
  readonly rowId: string;
  /** No other version in the database has the same. */
  readonly versionId: string;
}

/** So many definitions are looked at for each url; beyond them the latest count. */
const maxPerUrl = 200;

/** What has one of the tokens is found before anything else is asked of it: it is little. */
const currentText = `
WITH found AS MATERIALIZED (SELECT id, type, version, deleted, tok FROM resource WHERE tok && $1::uuid[]),
  named AS (
    SELECT k.token, f.id, f.version, row_number() OVER (PARTITION BY k.token ORDER BY f.version DESC) AS place
    FROM found f CROSS JOIN LATERAL unnest(f.tok) AS k (token)
    WHERE f.type = 'StructureDefinition' AND NOT f.deleted AND k.token = ANY ($1::uuid[]))
SELECT token, id, version FROM named WHERE place <= ${maxPerUrl} ORDER BY version DESC`;

/** The current versions of the definitions that have one of the tokens, the latest first. */
export async function findDefinitions(connection: Connection, tokens: readonly string[]): Promise<DefinitionRow[]> {
  const rows = await connection.query<{ token: string; id: string; version: string }>(
    compiledSql({ name: 'store_definitions', text: currentText, values: [tokens] }),
  );
  return rows.map(({ token, id, version }) => ({ token: token.replaceAll('-', ''), rowId: id, versionId: version }));
}

/** Longer than any profile that people publish; of what is longer no profile is made. */
export const maxDefinitionBytes = 1_000_000;

const bodiesText = `
SELECT id, version, CASE WHEN octet_length(body) <= ${maxDefinitionBytes} THEN body END AS body
FROM resource WHERE id = ANY ($1::bigint[]) AND NOT deleted`;

/** What a row holds. */
export interface DefinitionBody {
  readonly rowId: string;
  readonly versionId: string;
  /** Null when it is too long to be a profile. */
  readonly body: string | null;
}

/** What the rows hold now; one that has been deleted is missing. */
export async function findDefinitionBodies(
  connection: Connection,
  rowIds: readonly string[],
): Promise<DefinitionBody[]> {
  const rows = await connection.query<{ id: string; version: string; body: string | null }>(
    compiledSql({ name: 'store_definition_bodies', text: bodiesText, values: [rowIds] }),
  );
  return rows.map(({ id, version, body }) => ({ rowId: id, versionId: version, body }));
}
