/** Principals read from the tenant database, for everybody who has to know what somebody may do before there is a session. */
import { type PrincipalQuery, type PrincipalRecords, readPrincipal } from '#fhir-store';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import type { AccessClaims } from './access-token.js';
import { type Principal, principalOfLogin, principalOfMember } from './principal.js';
import type { SessionOrigin } from './session.js';

/**
 * The principal to which a verified access token belongs, as it is now; undefined when the log-in was revoked, the
 * membership is not active, or the token names another client or person than its log-in.
 */
export async function principalOfToken(runtime: TenantRuntime, claims: AccessClaims): Promise<Principal | undefined> {
  const records = await read(runtime, { membershipId: claims.membership, loginId: claims.login_id });
  const client = (records.login?.client as { reference?: unknown } | undefined)?.reference;
  const named = claims.client_id === undefined ? undefined : `ClientApplication/${claims.client_id}`;
  if (client !== named) return undefined;
  const principal = principalOfLogin(runtime, records);
  return principal?.user.endsWith(`/${claims.username}`) === true ? principal : undefined;
}

/** The principal as it is now of a log-in, or without one of a member; undefined as for the others. */
export async function principalOfOrigin(
  runtime: TenantRuntime,
  { membershipId, user, loginId }: SessionOrigin,
): Promise<Principal | undefined> {
  if (loginId === undefined) return principalOfMembership(runtime, membershipId, user);
  return principalOfLogin(runtime, await read(runtime, { membershipId, loginId }));
}

/** The principal of a log-in that has tokens; undefined when it was revoked, or the membership is not active. */
export async function openLoginPrincipal(
  runtime: TenantRuntime,
  query: Required<PrincipalQuery>,
): Promise<Principal | undefined> {
  return principalOfLogin(runtime, await read(runtime, query));
}

/** The principal of `user` (`User/<id>`) in a membership; undefined when either is not active, or not of the other. */
export async function principalOfMembership(
  runtime: TenantRuntime,
  membershipId: string,
  user: string,
): Promise<Principal | undefined> {
  return principalOfMember(runtime, await read(runtime, { membershipId, user }));
}

function read({ database }: TenantRuntime, query: PrincipalQuery): Promise<PrincipalRecords> {
  return database.use((connection) => readPrincipal(connection, query));
}
