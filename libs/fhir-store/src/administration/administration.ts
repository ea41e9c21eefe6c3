/**
 * Work on the people, clients and memberships of a project by the platform itself, on behalf of one of its
 * administrators. All of it is one transaction that changes rights: nothing else is written meanwhile, so what it finds
 * stays true until it has committed, and two equal pieces of work come one after the other.
 */
import { gone, notFound, readResource, type JsonObject, type ResourcePatch } from '#fhir';
import { escapeValue, parseSearch } from '#fhir-search';
import { systemPolicy } from '#access-policy';
import { uuidv7 } from '#platform';
import { storedAccounts } from '../accounts/account.js';
import { auditOrigin } from '../audit/audit-origin.js';
import { recordAudit } from '../audit/audit.sql.js';
import type { Caller } from '../caller.js';
import {
  findUserPassword,
  isPasswordHash,
  keepCredentials,
  setUserPassword,
  voidUserPassword,
} from '../credentials/credentials.sql.js';
import { voidSecondFactor } from '../credentials/second-factor.sql.js';
import { revokeIn } from '../credentials/logins.js';
import { createUser, findUnrevokedLogins, findUser, type NewUser, type StoredResource } from '../credentials/users.js';
import { createSecurityRequest, type SecurityRequestType } from '../credentials/security-links.js';
import { bodyOf, draftResource, unfiled, type Draft } from '../writing/draft.js';
import { acceptResource } from '../writing/resource-checks.js';
import type { Context } from '../rights/rights.js';
import { runSearch } from '../search/search.js';
import { insertResources } from '../sql/insert.sql.js';
import { lockCurrent, type Identity } from '../sql/read.sql.js';
import { replaceVersion } from '../sql/replace.sql.js';
import { isFhirId, type CurrentVersion, type StoredVersion } from '../stored-version.js';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';
import { inTransaction, type Scope } from '../transaction.js';
import { deleteLocked, lockOne, present } from '../writing/writes.js';
import { assertOwnerStays } from './owner-membership.js';
import { changeClientSecret, type SecretChange } from './client-secret.sql.js';

/** What is looked up is one person's or one policy's; nobody has more of it. */
const maxFound = 1000;

/**
 * Runs `work` in a transaction that changes rights: all of it happens or nothing. Whether `caller` is an administrator
 * has been checked under `caller.epoch`; when rights have changed since, StaleRights is thrown before `work` is called.
 */
export async function administer<T>(
  tenant: TenantDatabase,
  caller: Caller,
  reason: string,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  assertTenantDatabase(tenant);
  const context: Context = { tenant, caller: { ...caller, policy: systemPolicy(reason) } };
  return inTransaction(tenant, caller, true, (scope) => work(new Administration(context, scope)));
}

/** What administrative work may do inside its transaction. No policy has a say in it; resources are validated. */
export class Administration {
  constructor(
    private readonly context: Context,
    private readonly scope: Scope,
  ) {}

  /** The resources of the type that have one of `values` exactly as that parameter, in order of creation. */
  async find(type: string, parameter: string, ...values: string[]): Promise<StoredResource[]> {
    const query: [string, string][] = [
      [parameter, values.map(escapeValue).join(',')],
      ['_count', String(maxFound)],
    ];
    const request = parseSearch(this.context.tenant.version, type, query, { handling: 'strict' });
    const { hits } = await runSearch(this.context, this.scope, request);
    return hits.map(({ body }) => JSON.parse(body) as StoredResource);
  }

  /** The User with this address, in lower case or not. */
  async findUser(email: string): Promise<StoredResource | undefined> {
    return findUser(this.context, this.scope, email);
  }

  /** The current resource; undefined when there is none (any more). */
  async read(type: string, id: string): Promise<StoredResource | undefined> {
    const current = await this.lock(type, id);
    return current === undefined || current.deleted ? undefined : (JSON.parse(current.body) as StoredResource);
  }

  /** Those of `identities` that are there, as `Type/id`. */
  async presentAmong(identities: readonly Identity[]): Promise<Set<string>> {
    const found = await lockCurrent(
      this.scope.connection,
      identities.filter(({ id }) => isFhirId(id)),
    );
    return new Set([...found].filter(([, { deleted }]) => !deleted).map(([reference]) => reference));
  }

  /** Stores a new resource under an id of its own. Throws OutcomeError `invalid`. */
  async create(resource: JsonObject): Promise<StoredVersion> {
    const draft = this.draft(uuidv7(), JSON.stringify(resource));
    const [version] = await insertResources(this.scope.connection, this.scope.epoch, this.context.caller, [draft]);
    await keepCredentials(this.scope.connection, draft.id, draft.credentials);
    return present(version);
  }

  /**
   * Stores what `change` makes of a resource; when that is the same, no new version. Throws 404, 410, 400 for what would
   * take their rights from the owner, and OutcomeError `invalid`.
   */
  async change(type: string, id: string, change: ResourcePatch): Promise<StoredVersion> {
    const current = await this.existing(type, id);
    const filing = { ...unfiled, accounts: storedAccounts(current.body) };
    const draft = this.draft(id, change(current.body), filing);
    await assertOwnerStays(this.context, this.scope, current, draft.value);
    if (bodyOf(draft, current.versionId, current.lastUpdated) === current.body) return current;
    const { connection, epoch } = this.scope;
    return present(await replaceVersion(connection, epoch, this.context.caller, current, draft));
  }

  /** Deletes a resource; deleted already: that version, again. Throws 404, and 400 for the owner and the owner's membership. */
  async delete(type: string, id: string): Promise<StoredVersion> {
    return deleteLocked(this.scope, this.context, await this.lock(type, id), {});
  }

  /** Stores a new User of the project. Whether there is one with the same address already is for the caller to see. */
  async createUser(user: NewUser): Promise<StoredResource> {
    return createUser(this.context, this.scope, user);
  }

  /** Whether a person can log in with a password. */
  async hasPassword(userId: string): Promise<boolean> {
    return isPasswordHash(await findUserPassword(this.scope.connection, userId));
  }

  /**
   * Keeps the hash of a person's password, as `hashPassword` gives it. Log-ins that have begun with another one, and links
   * to set one that were sent before, are void with that.
   */
  async setPassword(userId: string, hash: string): Promise<void> {
    await setUserPassword(this.scope.connection, userId, hash);
    await this.record('U', `User/${userId}`, 'password set by an administrator');
  }

  /** Takes away a password that somebody may have; log-ins and links are void as with `setPassword`. */
  async takePassword(userId: string): Promise<void> {
    await voidUserPassword(this.scope.connection, userId);
    await this.record('U', `User/${userId}`, 'password taken away by an invitation');
  }

  /** Takes away the second factor that somebody may have. */
  async takeSecondFactor(userId: string): Promise<void> {
    if (!(await voidSecondFactor(this.scope.connection, userId))) return;
    await this.change('User', userId, (body) =>
      JSON.stringify({ ...(JSON.parse(body) as JsonObject), mfaEnrolled: false }),
    );
    await this.record('U', `User/${userId}`, 'second factor taken away by an invitation');
  }

  /** Ends all log-ins of `user` (`User/…`): their tokens are refused from now on. */
  async endLogins(user: string): Promise<void> {
    const logins = await findUnrevokedLogins(this.context.tenant, this.scope, user);
    await revokeIn(
      this.context,
      this.scope,
      logins.map(({ id }) => id),
    );
  }

  /** Makes `secret` good once for `user` (`User/…`); returns the id of the request with which it goes. */
  requestSecurity(type: SecurityRequestType, user: string, secret: string): Promise<string> {
    return createSecurityRequest(this.context, this.scope, { type, user, secret });
  }

  /**
   * Changes which secrets a client has and returns the client, whose content stays as it is. False instead when
   * `change.given` is not the secret that is meant. Throws 404 and 410.
   */
  async changeSecret(clientId: string, change: SecretChange): Promise<StoredVersion | false> {
    const current = await this.existing('ClientApplication', clientId);
    if (!(await changeClientSecret(this.scope.connection, clientId, change))) return false;
    await this.record('U', `ClientApplication/${clientId}`, 'secret changed');
    return current;
  }

  private record(action: 'U', entity: string, detail: string): Promise<void> {
    return recordAudit(this.scope.connection, [
      { ...auditOrigin(this.context.caller), action, outcome: 'success', entity, detail },
    ]);
  }

  private async existing(type: string, id: string): Promise<CurrentVersion> {
    const current = await this.lock(type, id);
    if (current === undefined) throw notFound();
    if (current.deleted) throw gone();
    return current;
  }

  private async lock(type: string, id: string): Promise<CurrentVersion | undefined> {
    return isFhirId(id) ? lockOne(this.scope, type, id) : undefined;
  }

  private draft(id: string, text: string, filing = unfiled): Draft {
    const { tenant, caller } = this.context;
    return draftResource(tenant, caller, id, acceptResource(tenant, readResource(text)), filing);
  }
}
