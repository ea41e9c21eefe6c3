/**
 * Links by mail, each with a UserSecurityRequest that says what was asked for. A link's secret is kept as a hash, outside the
 * resource, and is good once. One by which a password can be set is bound to the password that the person had when it was
 * made, so that whoever sets a password makes all other such links void. A new link takes the place of the one that the person
 * got before for the same purpose. What a link is for happens in the transaction in which it is used up, or not at all.
 */
import { systemPolicy } from '#access-policy';
import { sha256, uuidv7 } from '#platform';
import type { Connection } from '#postgres';
import type { Caller } from '../caller.js';
import { draftOf } from '../writing/draft.js';
import type { Context } from '../rights/rights.js';
import { insertResources } from '../sql/insert.sql.js';
import { lockCurrent } from '../sql/read.sql.js';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';
import { inTransaction, type Scope } from '../transaction.js';
import { findUserPassword, passwordMark } from './credentials.sql.js';
import { addSingleUseOnce, isSingleUse, replaceSingleUse, takeSingleUse } from './single-use.sql.js';
import { replaceMembers, userIdOf } from './users.js';

/** Why somebody gets a link by mail; an invitation is answered like a reset. */
export type SecurityRequestType = 'invite' | 'reset' | 'verify-email';

/** What a link is for. */
export interface SecurityRequest {
  readonly type: SecurityRequestType;
  /** `User/<id>` */
  readonly user: string;
  /** 256 random bits */
  readonly secret: string;
}

/** A request with its id: what somebody brings who follows the link. */
export type SecurityLink = SecurityRequest & { readonly id: string };

const GOOD_FOR_SECONDS = { invite: 7 * 86_400, reset: 3_600, 'verify-email': 7 * 86_400 } as const;

/**
 * Writes a UserSecurityRequest in the transaction of `scope`. The link is good for an hour to reset a password, else for a
 * week; one that was made before for the same person and purpose is good no longer. Returns the request's id.
 */
export async function createSecurityRequest(
  { tenant, caller }: Context,
  { connection, epoch }: Scope,
  request: SecurityRequest,
): Promise<string> {
  const { type, user } = request;
  const id = uuidv7();
  const resource = { resourceType: 'UserSecurityRequest', id, type, user: { reference: user } };
  await insertResources(connection, epoch, caller, [draftOf(tenant, caller, resource)]);
  const key = await keyOf(connection, { ...request, id });
  await replaceSingleUse(connection, seriesOf(request), key, GOOD_FOR_SECONDS[type]);
  return id;
}

/**
 * Lets the link be followed whose invitation, without a password, is a resource already, for a week from now. Its secret is
 * known to somebody else: here comes only its SHA-256, in hex digits. What was added before stays as it is.
 */
export async function addInvitationKey(
  connection: Connection,
  { id, user, secretSha256 }: { readonly id: string; readonly user: string; readonly secretSha256: string },
): Promise<void> {
  const key = linkKey(id, secretSha256, passwordMark(undefined));
  await addSingleUseOnce(connection, seriesOf({ type: 'invite', user }), key, GOOD_FOR_SECONDS.invite);
}

/** `createSecurityRequest` in a transaction of its own; it gives nobody a right, so the epoch does not rise. */
export async function addSecurityRequest(
  tenant: TenantDatabase,
  caller: Caller,
  request: SecurityRequest,
): Promise<string> {
  assertTenantDatabase(tenant);
  return inTransaction(tenant, caller, false, (scope) => createSecurityRequest({ tenant, caller }, scope, request));
}

/** Whether the link is good at this moment. It stays so. */
export async function isGoodLink(connection: Connection, link: SecurityLink): Promise<boolean> {
  return isSingleUse(connection, await keyOf(connection, link));
}

/**
 * Uses the link up in the transaction of `scope`, which must be one that changes rights, and marks the address of the
 * person as confirmed, since the link went there. False when it is not good (any more), or the person is gone.
 */
export async function takeLink(context: Context, scope: Scope, link: SecurityLink): Promise<boolean> {
  const { connection } = scope;
  if (!(await takeSingleUse(connection, await keyOf(connection, link)))) return false;
  const [user, request] = [
    { type: 'User', id: userIdOf(link.user) },
    { type: 'UserSecurityRequest', id: link.id },
  ];
  const current = await lockCurrent(connection, [user, request]);
  const [person, asked] = [user, request].map(({ type, id }) => current.get(`${type}/${id}`));
  if (person === undefined || person.deleted) return false;
  await replaceMembers(context, scope, person, { emailVerified: true });
  if (asked !== undefined && !asked.deleted) await replaceMembers(context, scope, asked, { used: true });
  return true;
}

/** `takeLink` of a link that is for nothing else, in a transaction of its own. */
export async function confirmAddress(
  tenant: TenantDatabase,
  by: Pick<Caller, 'agent' | 'requestId'>,
  link: SecurityLink,
): Promise<boolean> {
  assertTenantDatabase(tenant);
  const caller: Caller = { ...by, policy: systemPolicy('an address is confirmed') };
  return inTransaction(tenant, caller, true, (scope) => takeLink({ tenant, caller }, scope, link));
}

async function keyOf(connection: Connection, { id, secret, type, user }: SecurityLink): Promise<Buffer> {
  const mark = type === 'verify-email' ? undefined : passwordMark(await findUserPassword(connection, userIdOf(user)));
  return linkKey(id, sha256(secret).toString('hex'), mark);
}

function linkKey(id: string, secretSha256: string, mark: string | undefined): Buffer {
  return sha256(['security request', id, secretSha256, ...(mark === undefined ? [] : [mark])].join('|'));
}

const seriesOf = ({ type, user }: Pick<SecurityRequest, 'type' | 'user'>): Buffer =>
  sha256(`security requests|${type}|${user}`);
