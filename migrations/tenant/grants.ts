/**
 * The GRANT statements that let one login role work with the resources of a tenant database, and nothing more: no DDL,
 * no TRUNCATE, no change of a resource's identity, no change of an audit row, of a seal, of history or of the epoch
 * (those go through functions that run as the owner). Safe to run again.
 *
 * quotedRole is a quoted SQL identifier. Run as the owner, inside the tenant database, after the migrations.
 */
export function tenantGrantStatements(quotedRole: string): string[] {
  const to = `TO ${quotedRole}`;
  return [
    `GRANT USAGE ON SCHEMA public ${to}`,
    `GRANT USAGE ON SEQUENCE version_seq ${to}`,
    `GRANT SELECT ON security_epoch, audit_seal ${to}`,
    `GRANT SELECT, INSERT, UPDATE (version, last_updated, writer, deleted, body, extended_meta, tok, sort_texts) ON resource ${to}`,
    `GRANT SELECT, INSERT ON resource_history ${to}`,
    `GRANT SELECT, INSERT, DELETE ON resource_reference, resource_string, resource_date, resource_number, resource_text ${to}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON client_secret, user_password, login_session, single_use, accounts_change ${to}`,
    `GRANT SELECT, INSERT (recorded, action, outcome, agent, membership, on_behalf_of, policy, entity, subjects, detail, request_id) ON audit_event ${to}`,
    `GRANT EXECUTE ON FUNCTION begin_write(), begin_rights_change(), seal_audit(), verify_audit(), expire_audit(integer, bigint), audit_keys(text, text, text, text), refresh_statistics(), forget_logins() ${to}`,
  ];
}
