/**
 * Login resources: the record of one authentication, to which every token is bound. One is written when the first tokens
 * are given. It changes when it is revoked, and when its person sets up a second factor in it; only that raises the
 * security epoch.
 */
import { systemPolicy } from '#access-policy';
import type { Caller } from '../caller.js';
import { draftOf } from '../writing/draft.js';
import type { Context } from '../rights/rights.js';
import { insertResources } from '../sql/insert.sql.js';
import { lockCurrent } from '../sql/read.sql.js';
import { replaceVersions, type Replacement } from '../sql/replace-many.sql.js';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';
import { inTransaction, type Scope } from '../transaction.js';
import { isMarkCurrent, setUserPassword, type PasswordMark } from './credentials.sql.js';
import { forgetExpiredLogins, insertLoginSession, takeLoginCode, type GrantedSession } from './login-session.sql.js';
import { hasOtherFactor } from './second-factor.sql.js';
import { takeLink, type SecurityLink } from './security-links.js';
import { findUnrevokedLogins, type StoredResource } from './users.js';

/**
 * Who asked for a log-in to be recorded or ended, for the audit and `meta.author`. With an epoch, StaleRights is thrown
 * when rights have changed since.
 */
export type LoginAgent = Pick<Caller, 'agent' | 'membership' | 'author' | 'epoch' | 'requestId'>;

/**
 * Records a log-in that is complete at once (a client's own), and removes some that have expired. `login` has its `id`.
 */
export async function recordLogin(
  tenant: TenantDatabase,
  by: LoginAgent,
  login: StoredResource,
  expiresInSeconds: number,
): Promise<void> {
  assertTenantDatabase(tenant);
  const caller = recorder(by);
  const draft = draftOf(tenant, caller, login);
  await tenant.use((connection) =>
    connection.transaction(async (transaction) => {
      await Promise.all([
        insertLoginSession(transaction, { loginId: login.id, details: '{}', expiresInSeconds }),
        insertResources(transaction, undefined, caller, [draft]),
      ]);
    }),
  );
  await tenant.use(forgetExpiredLogins);
}

/** What a person has shown in a log-in. */
export interface LoginProof extends PasswordMark {
  /** The `changes` of the second factor that was shown; undefined when none was. */
  readonly shownFactor?: number;
}

/**
 * Exchanges the code of a session and records the log-in, both or neither. False, with nothing changed, when the code is
 * not the session's, has expired or was used, and when the person has another password or another second factor
 * than the log-in has shown (`proof`): a change of either excludes this transaction, so it ends the log-in or is found by
 * it. Of two exchanges at the same time the later one waits for the earlier one, so that whoever gets false because of it
 * finds a Login to revoke.
 */
export async function grantLogin(
  tenant: TenantDatabase,
  by: LoginAgent,
  login: StoredResource,
  grant: GrantedSession,
  proof: LoginProof,
): Promise<boolean> {
  assertTenantDatabase(tenant);
  const caller = recorder(by);
  const draft = draftOf(tenant, caller, login);
  return inTransaction(tenant, caller, false, async ({ connection, epoch }) => {
    if (!(await isMarkCurrent(connection, proof))) return false;
    if (await hasOtherFactor(connection, proof.userId, proof.shownFactor)) return false;
    if (!(await takeLoginCode(connection, login.id, grant))) return false;
    await insertResources(connection, epoch, caller, [draft]);
    return true;
  });
}

/**
 * Ends log-ins: the security epoch rises, so that their tokens are refused from the next request on. Those that do not
 * exist or are revoked already are passed over.
 */
export async function revokeLogins(tenant: TenantDatabase, by: LoginAgent, ids: readonly string[]): Promise<void> {
  assertTenantDatabase(tenant);
  if (ids.length === 0) return;
  const caller = recorder(by);
  await inTransaction(tenant, caller, true, (scope) => revokeIn({ tenant, caller }, scope, ids));
}

export interface PasswordChange {
  readonly userId: string;
  /** As `hashPassword` gives it. */
  readonly hash: string;
  /** Log-ins of the person that go on; all others end. */
  readonly keptLogins: readonly string[];
  /** The link by which it is set, which is used up. */
  readonly link?: SecurityLink;
}

/**
 * Gives a person a new password and ends their log-ins in one transaction that changes rights: when it has committed,
 * nobody is logged in any more who knew the old password only, and neither log-ins that have begun with it nor links to
 * set a password that were sent before lead anywhere. By a link it confirms their address as well. False, with the password as
 * it was, when the link is not good (any more).
 */
export async function changePassword(tenant: TenantDatabase, by: LoginAgent, change: PasswordChange): Promise<boolean> {
  assertTenantDatabase(tenant);
  const caller = recorder(by);
  const { userId, hash, keptLogins, link } = change;
  return inTransaction(tenant, caller, true, async (scope) => {
    if (link !== undefined && !(await takeLink({ tenant, caller }, scope, link))) return false;
    await setUserPassword(scope.connection, userId, hash);
    const logins = await findUnrevokedLogins(tenant, scope, `User/${userId}`);
    const ended = logins.map(({ id }) => id).filter((id) => !keptLogins.includes(id));
    await revokeIn({ tenant, caller }, scope, ended);
    return true;
  });
}

/**
 * `revokeLogins` inside a transaction that changes rights; nobody else writes meanwhile, so many log-ins are ended by few
 * statements.
 */
export async function revokeIn(
  { tenant, caller }: Context,
  { connection, epoch }: Scope,
  ids: readonly string[],
): Promise<void> {
  const identities = ids.map((id) => ({ type: 'Login', id }));
  const replacements: Replacement[] = [];
  for (const expected of (await lockCurrent(connection, identities)).values()) {
    if (expected.deleted) continue;
    const login = JSON.parse(expected.body) as StoredResource;
    if (login.revoked === true) continue;
    replacements.push({ expected, draft: draftOf(tenant, caller, { ...login, revoked: true }) });
  }
  await replaceVersions(connection, epoch, caller, replacements);
}

const recorder = (by: LoginAgent): Caller => ({ ...by, policy: systemPolicy('record a log-in') });
