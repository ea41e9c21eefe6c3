/**
 * Who a caller is inside a project, and what they may do there. A principal is made of records that were read in one
 * snapshot, so its rights are those of its epoch. Every doubt is a refusal.
 */
import { effectivePolicy, type EffectivePolicy } from '#access-policy';
import type { JsonObject } from '#fhir';
import type { PrincipalRecords, TenantDatabase } from '#fhir-store';
import type { Logger } from '#platform';
import { allowedOriginsOf } from './allowed-origins.js';
import { profileTypes } from './profile-types.js';

/** A reference with the name to show for it. */
export interface NamedReference {
  readonly reference: string;
  readonly display?: string;
}

export interface Principal {
  readonly epoch: string;
  readonly membershipId: string;
  /** `User/…`, `ClientApplication/…` or `Bot/…`: whose membership it is. */
  readonly user: string;
  /** Set when it is a client's. */
  readonly clientId?: string;
  readonly profile: NamedReference;
  readonly policy: EffectivePolicy;
  /** From pages of which origins its client lets its tokens be used; undefined: any. */
  readonly allowedOrigins?: ReadonlySet<string> | undefined;
}

/** The project whose rights are meant, and where to say what is wrong with them. */
export interface PrincipalPlace {
  readonly database: Pick<TenantDatabase, 'projectId' | 'version' | 'ownBaseUrls'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * The principal of a log-in, or undefined when there is none: the Login is gone, revoked or of another membership or user,
 * the membership is gone or inactive or has a profile that nobody can have, its user is gone or switched off or has a second
 * factor that the log-in has not shown, or the client through which they came is gone or switched off.
 */
export function principalOfLogin(place: PrincipalPlace, records: PrincipalRecords): Principal | undefined {
  const { login, membership, user, client } = records;
  if (login === undefined || login.revoked === true || membership === undefined) return undefined;
  if (referenceOf(login.membership) !== `ProjectMembership/${idOf(membership)}`) return undefined;
  if (referenceOf(login.user) !== referenceOf(membership.user)) return undefined;
  if (user?.mfaEnrolled === true && login.mfaVerified !== true) return undefined;
  const through = referenceOf(login.client);
  if (login.client !== undefined && (client === undefined || !isActiveClient(client))) return undefined;
  if (client !== undefined && through !== identityOf(client)) return undefined;
  const scope = typeof login.scope === 'string' ? login.scope : '';
  const launch = referenceOf(login.launch);
  return build(place, records, {
    scope,
    ...(launch?.startsWith('Patient/') ? { launchPatient: launch } : {}),
  });
}

/**
 * The principal of a member without a log-in: a client that shows its secret, a Bot that runs, a member on whose behalf an
 * administrator acts. Undefined when the membership is gone or inactive, or its user is gone or switched off.
 */
export function principalOfMember(place: PrincipalPlace, records: PrincipalRecords): Principal | undefined {
  return build(place, records, { scope: '' });
}

interface Session {
  readonly scope: string;
  readonly launchPatient?: string;
}

function build(
  { database: { projectId, version, ownBaseUrls }, logger }: PrincipalPlace,
  { epoch, membership, user, client, policies }: PrincipalRecords,
  { scope, launchPatient }: Session,
): Principal | undefined {
  if (membership === undefined || user === undefined || !isActiveMembership(membership) || !isActiveUser(user))
    return undefined;
  if (referenceOf(membership.user) !== identityOf(user) || !isProfile(referenceOf(membership.profile)))
    return undefined;
  const policy = effectivePolicy({
    version,
    ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }),
    projectId,
    membership,
    policies,
    scope,
    ...(launchPatient === undefined ? {} : { launchPatient }),
  });
  const membershipId = idOf(membership);
  const isClient = user.resourceType === 'ClientApplication';
  // A slip in a policy closes, and whoever made it has to be able to find out.
  const { dropped } = policy;
  if (dropped.length > 0) logger.warn({ membership: membershipId, dropped }, 'rules of access policies grant nothing');
  return {
    epoch,
    membershipId,
    user: identityOf(user),
    ...(isClient ? { clientId: idOf(user) } : {}),
    profile: profileOf(membership, user),
    policy,
    allowedOrigins: allowedOriginsOf(client ?? (isClient ? user : {})),
  };
}

/** Absent means active (`ProjectMembership.active`). */
export function isActiveMembership(membership: JsonObject): boolean {
  return membership.active === undefined || membership.active === true;
}

/** Without a profile somebody is but themselves. One that names anything else would show it, and give its rights. */
const isProfile = (reference: string | undefined): boolean =>
  reference === undefined || profileTypes.includes(reference.split('/')[0] ?? '');

/** Kinds of resources that may be members, each with what makes one of them good. */
const userTypes = new Map<unknown, (user: JsonObject) => boolean>([
  ['User', () => true],
  ['Bot', () => true],
  ['ClientApplication', isActiveClient],
]);

const isActiveUser = (user: JsonObject): boolean => userTypes.get(user.resourceType)?.(user) ?? false;

/** Absent means active (`ClientApplication.status`). */
export function isActiveClient(client: JsonObject): boolean {
  return client.status === undefined || client.status === 'active';
}

function profileOf(membership: JsonObject, user: JsonObject): NamedReference {
  const profile = membership.profile as JsonObject | undefined;
  const reference = referenceOf(profile) ?? identityOf(user);
  const display = profile?.display ?? user.name;
  return typeof display === 'string' ? { reference, display } : { reference };
}

const identityOf = (resource: JsonObject): string => `${resource.resourceType as string}/${idOf(resource)}`;

function idOf(resource: JsonObject): string {
  if (typeof resource.id !== 'string') throw new Error('a stored resource has no id');
  return resource.id;
}

function referenceOf(value: unknown): string | undefined {
  const reference = (value as JsonObject | undefined)?.reference;
  return typeof reference === 'string' ? reference : undefined;
}
