/**
 * The people of a project and what belongs to them, read and written by the platform itself: no member's rights apply,
 * so only the identity and administration routes call this.
 */
import type { JsonObject } from '#fhir';
import { escapeValue, parseSearch } from '#fhir-search';
import { systemPolicy } from '#access-policy';
import { uuidv7 } from '#platform';
import { storedAccounts } from '../accounts/account.js';
import type { Caller } from '../caller.js';
import { draftOf, unfiled } from '../writing/draft.js';
import type { Context } from '../rights/rights.js';
import { runSearch } from '../search/search.js';
import { insertResources } from '../sql/insert.sql.js';
import { replaceVersion } from '../sql/replace.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';
import type { Scope } from '../transaction.js';
import { setUserPassword } from './credentials.sql.js';

/** A resource as it is stored, which always has a type and an id. */
export type StoredResource = JsonObject & { readonly resourceType: string; readonly id: string };

/** How many records are read at a time. */
const PAGE_SIZE = 1000;

/** An address as it is compared and stored: without white space around it, in lower case. */
export const normalizedEmail = (email: string): string => email.trim().toLowerCase();

/** The id in `User/<id>`. */
export const userIdOf = (user: string): string => user.slice('User/'.length);

/** The User with this address, in lower case or not; of several the one that was made first. */
export async function findUserByEmail(tenant: TenantDatabase, email: string): Promise<StoredResource | undefined> {
  return inOwnScope(tenant, (context, scope) => findUser(context, scope, email));
}

/**
 * The same inside a transaction, whose epoch is checked like that of every statement in it. Rights do not count: `caller`
 * is only asked for its agent.
 */
export async function findUser(
  { tenant }: Pick<Context, 'tenant'>,
  scope: Scope,
  email: string,
): Promise<StoredResource | undefined> {
  const address = normalizedEmail(email);
  const found = await findAll(tenant, scope, 'User', [['email:exact', escapeValue(address)]]);
  return found.find((user) => user.email === address);
}

/** The memberships of `user` (`User/…`), in order of creation; inactive ones too. */
export async function findMembershipsOf(tenant: TenantDatabase, user: string): Promise<StoredResource[]> {
  return inOwnScope(tenant, ({ tenant: own }, scope) => findMemberships(own, scope, user));
}

/** The memberships of a profile (`Practitioner/…`), in order of creation; inactive ones too. */
export async function findMembershipsOfProfile(tenant: TenantDatabase, profile: string): Promise<StoredResource[]> {
  return inOwnScope(tenant, ({ tenant: own }, scope) =>
    findAll(own, scope, 'ProjectMembership', [['profile', profile]]),
  );
}

/** `findMembershipsOf` inside a transaction. */
export function findMemberships(tenant: TenantDatabase, scope: Scope, user: string): Promise<StoredResource[]> {
  return findAll(tenant, scope, 'ProjectMembership', [['user', user]]);
}

/** The log-ins of `user` (`User/…`) that are not revoked, the newest thousand first. Some of them may have expired. */
export async function findLoginsOf(tenant: TenantDatabase, user: string): Promise<StoredResource[]> {
  return inOwnScope(tenant, async ({ tenant: own }, scope) => {
    const { found } = await findPage(own, scope, 'Login', unrevokedLoginsOf(user));
    return found;
  });
}

/** All of them, however many there are, inside a transaction: who ends a person's log-ins must not leave one. */
export function findUnrevokedLogins(tenant: TenantDatabase, scope: Scope, user: string): Promise<StoredResource[]> {
  return findAll(tenant, scope, 'Login', unrevokedLoginsOf(user));
}

const unrevokedLoginsOf = (user: string): Query => [
  ['user', user],
  ['revoked:not', 'true'],
  ['_sort', '-_lastUpdated'],
];

export interface NewUser {
  readonly firstName: string;
  readonly lastName: string;
  /** At least one of both. */
  readonly email?: string;
  readonly externalId?: string;
  readonly mfaRequired?: boolean;
  /** False: the person has given the address themselves, and has not shown yet that it is theirs. */
  readonly emailVerified?: boolean;
  /** As `hashPassword` gives it; without one the person cannot log in until a password is set. */
  readonly passwordHash?: string;
}

/**
 * Writes a new User of the project in the transaction of `scope`. Somebody without a membership has no right that could
 * change, so it need not be one that changes rights. Whether there is somebody with the same address already is for the
 * caller to find out, under a lock (`findUser`).
 */
export async function createUser(
  context: Context,
  { connection, epoch }: Scope,
  user: NewUser,
): Promise<StoredResource> {
  const { tenant, caller } = context;
  const { passwordHash, email, ...fields } = user;
  const id = uuidv7();
  const resource = {
    resourceType: 'User',
    id,
    ...definedOf(fields),
    ...(email === undefined ? {} : { email: normalizedEmail(email) }),
    project: { reference: `Project/${tenant.projectId}` },
  };
  const [version] = await insertResources(connection, epoch, caller, [draftOf(tenant, caller, resource)]);
  if (version === undefined) throw new Error('The insert statement returned no version.');
  if (passwordHash !== undefined) await setUserPassword(connection, id, passwordHash);
  return JSON.parse(version.body) as StoredResource;
}

/**
 * Stores the resource, whose current version has been locked in the transaction of `scope`, with other values of some of
 * its members; when they have these values, no new version.
 */
export async function replaceMembers(
  { tenant, caller }: Context,
  { connection, epoch }: Scope,
  current: CurrentVersion,
  members: Readonly<Record<string, boolean>>,
): Promise<void> {
  const stored = JSON.parse(current.body) as JsonObject;
  if (Object.entries(members).every(([name, value]) => stored[name] === value)) return;
  const filing = { ...unfiled, accounts: storedAccounts(current.body) };
  const draft = draftOf(tenant, caller, { ...stored, ...members, id: current.id }, filing);
  await replaceVersion(connection, epoch, caller, current, draft);
}

async function inOwnScope<T>(tenant: TenantDatabase, work: (context: Context, scope: Scope) => Promise<T>): Promise<T> {
  assertTenantDatabase(tenant);
  return tenant.use((connection) => work({ tenant, caller: platform }, { connection, epoch: undefined }));
}

const platform: Caller = { policy: systemPolicy('identity'), agent: 'system/identity', requestId: 'identity' };

type Query = readonly (readonly [string, string])[];

async function findAll(tenant: TenantDatabase, scope: Scope, type: string, query: Query): Promise<StoredResource[]> {
  const all: StoredResource[] = [];
  let cursor: string | undefined;
  do {
    const page: Page = await findPage(tenant, scope, type, query, cursor);
    all.push(...page.found);
    cursor = page.next;
  } while (cursor !== undefined);
  return all;
}

interface Page {
  readonly found: StoredResource[];
  /** The cursor of the next page, if there is one. */
  readonly next?: string;
}

async function findPage(
  tenant: TenantDatabase,
  scope: Scope,
  type: string,
  query: Query,
  cursor?: string,
): Promise<Page> {
  const parameters: [string, string][] = [
    ...query.map(([name, value]): [string, string] => [name, value]),
    ['_count', String(PAGE_SIZE)],
    ...(cursor === undefined ? [] : [['_cursor', cursor] satisfies [string, string]]),
  ];
  const request = parseSearch(tenant.version, type, parameters, { handling: 'strict' });
  const { hits, next } = await runSearch({ tenant, caller: platform }, scope, request);
  const found = hits.map(({ body }) => JSON.parse(body) as StoredResource);
  return { found, ...(next === undefined ? {} : { next }) };
}

const definedOf = (fields: Omit<NewUser, 'passwordHash' | 'email'>): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
