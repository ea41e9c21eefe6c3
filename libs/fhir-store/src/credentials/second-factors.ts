/**
 * Setting up and taking away a person's second factor. Both change the User, and so are changes of rights: nobody is
 * logged in meanwhile, and a log-in that has begun without the factor finds it when its code is exchanged.
 */
import { systemPolicy } from '#access-policy';
import type { Caller } from '../caller.js';
import type { Context } from '../rights/rights.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';
import { inTransaction, type Scope } from '../transaction.js';
import { revokeIn, type LoginAgent } from './logins.js';
import { setSecondFactor, takeCodeStep, voidSecondFactor, type RightCode } from './second-factor.sql.js';
import { findUnrevokedLogins, replaceMembers } from './users.js';

export interface NewSecondFactor extends RightCode {
  readonly sealedSecret: Buffer;
  /** The log-in in which the factor was set up, which goes on as one that has shown it. */
  readonly loginId?: string;
}

/**
 * Gives a person without a second factor one. Their other log-ins end, because they have not shown it. False, with nothing
 * changed, when there is a factor already or the person is gone.
 */
export async function enrolSecondFactor(
  tenant: TenantDatabase,
  by: LoginAgent,
  { loginId, sealedSecret, ...code }: NewSecondFactor,
): Promise<boolean> {
  return changingFactor(tenant, by, code.userId, async (context, scope, user) => {
    if (!(await setSecondFactor(scope.connection, code, sealedSecret))) return false;
    await replaceMembers(context, scope, user, { mfaEnrolled: true });
    const logins = (await findUnrevokedLogins(context.tenant, scope, `User/${code.userId}`)).map(({ id }) => id);
    const ended = logins.filter((id) => id !== loginId);
    await revokeIn(context, scope, ended);
    const kept = logins.filter((id) => id === loginId).map((id) => ({ type: 'Login', id }));
    for (const login of (await lockCurrent(scope.connection, kept)).values()) {
      await replaceMembers(context, scope, login, { mfaVerified: true });
    }
    return true;
  });
}

/**
 * Takes a person's second factor away by one of its codes, which is accepted with that. False, with nothing changed, when
 * the code was accepted before, or the factor is not the one that was read.
 */
export async function removeSecondFactor(tenant: TenantDatabase, by: LoginAgent, code: RightCode): Promise<boolean> {
  return changingFactor(tenant, by, code.userId, async (context, scope, user) => {
    if (!(await takeCodeStep(scope.connection, code))) return false;
    await voidSecondFactor(scope.connection, code.userId);
    await replaceMembers(context, scope, user, { mfaEnrolled: false });
    return true;
  });
}

async function changingFactor(
  tenant: TenantDatabase,
  by: LoginAgent,
  userId: string,
  change: (context: Context, scope: Scope, user: CurrentVersion) => Promise<boolean>,
): Promise<boolean> {
  assertTenantDatabase(tenant);
  const caller: Caller = { ...by, policy: systemPolicy('change a second factor') };
  try {
    await inTransaction(tenant, caller, true, async (scope) => {
      const [user] = (await lockCurrent(scope.connection, [{ type: 'User', id: userId }])).values();
      const isThere = user !== undefined && !user.deleted;
      if (!isThere || !(await change({ tenant, caller }, scope, user))) throw new NothingChanged();
    });
  } catch (error) {
    if (error instanceof NothingChanged) return false;
    throw error;
  }
  return true;
}

/** Rolls back, so that a code that was refused makes nobody read their rights again. */
class NothingChanged extends Error {
  override readonly name = 'NothingChanged';
}
