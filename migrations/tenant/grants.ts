/**
 * What one login role may do with the resources of a tenant database, and from which schema on: no DDL, no TRUNCATE, no
 * change of a resource's identity, no change of an audit row, of a seal, of history or of the epoch (those go through
 * functions that run as the owner).
 *
 * What a later migration adds is granted by the migration itself where the role exists, and stands here with the number
 * of its schema for databases that are yet to be made.
 */
const grants: readonly (readonly [since: number, privileges: string])[] = [
  [1, 'USAGE ON SCHEMA public'],
  [1, 'USAGE ON SEQUENCE version_seq'],
  [1, 'SELECT ON security_epoch, audit_seal'],
  [
    1,
    'SELECT, INSERT, UPDATE (version, last_updated, writer, deleted, body, extended_meta, tok, sort_texts) ON resource',
  ],
  [1, 'SELECT, INSERT ON resource_history'],
  [1, 'SELECT, INSERT, DELETE ON resource_reference, resource_string, resource_date, resource_number, resource_text'],
  [
    1,
    'SELECT, INSERT, UPDATE, DELETE ON client_secret, user_password, user_second_factor, login_session, single_use, login_attempt, accounts_change, async_job',
  ],
  [
    1,
    'SELECT, INSERT (recorded, action, outcome, agent, membership, on_behalf_of, policy, entity, subjects, detail, request_id) ON audit_event',
  ],
  [
    1,
    'EXECUTE ON FUNCTION begin_write(), begin_rights_change(), seal_audit(), verify_audit(), expire_audit(integer, bigint), audit_keys(text, text, text, text), refresh_statistics(), forget_logins(), counted_failures(timestamptz[]), begin_login_attempt(bytea[], integer[], boolean), expunge_resources(bigint[])',
  ],
];

/**
 * The GRANT statements for a database of this schema. Safe to run again. quotedRole is a quoted SQL identifier. Run as the
 * owner, inside the tenant database, after the migrations.
 */
export function tenantGrantStatements(quotedRole: string, schemaVersion: number): string[] {
  return grants
    .filter(([since]) => since <= schemaVersion)
    .map(([, privileges]) => `GRANT ${privileges} TO ${quotedRole}`);
}
