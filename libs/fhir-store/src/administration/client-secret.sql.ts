import { sql, type Connection } from '#postgres';

/** How the secrets of a client change. Hashes are as `hashSecret` gives them. */
export type SecretChange =
  /** `next` becomes the secret, and the one before stays good as the retiring one. `given`: only if that one is `given`. */
  | { readonly kind: 'rotate'; readonly next: Buffer; readonly given?: Buffer }
  /** `next` becomes the only secret: neither the one before nor a retiring one is good any longer. */
  | { readonly kind: 'replace'; readonly next: Buffer }
  /** The retiring secret is good no longer; only if it is `given`. */
  | { readonly kind: 'retire'; readonly given: Buffer };

/** Changes the secrets of a client. False, with nothing changed, when `given` is not what it must be. */
export async function changeClientSecret(
  connection: Connection,
  clientId: string,
  change: SecretChange,
): Promise<boolean> {
  const rows = await connection.query(statementFor(clientId, change));
  return rows.length > 0;
}

function statementFor(clientId: string, change: SecretChange) {
  if (change.kind === 'retire') {
    return sql`
      UPDATE client_secret SET retiring_hash = NULL
      WHERE client_id = ${clientId} AND retiring_hash = ${change.given} RETURNING 1`;
  }
  if (change.kind === 'replace') {
    return sql`
      INSERT INTO client_secret (client_id, secret_hash) VALUES (${clientId}, ${change.next})
      ON CONFLICT (client_id) DO UPDATE SET secret_hash = excluded.secret_hash, retiring_hash = NULL
      RETURNING 1`;
  }
  if (change.given === undefined) {
    return sql`
      INSERT INTO client_secret AS s (client_id, secret_hash) VALUES (${clientId}, ${change.next})
      ON CONFLICT (client_id) DO UPDATE SET secret_hash = excluded.secret_hash, retiring_hash = s.secret_hash
      RETURNING 1`;
  }
  return sql`
    UPDATE client_secret SET secret_hash = ${change.next}, retiring_hash = secret_hash
    WHERE client_id = ${clientId} AND secret_hash = ${change.given} RETURNING 1`;
}
