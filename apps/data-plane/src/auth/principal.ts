import { membershipPolicy } from '#access-policy';
import type { JsonObject } from '#fhir';
import { type PrincipalRecords } from '#fhir-store';
import type { NamedReference, Principal } from './session.js';

/**
 * The principal of a log-in, or undefined when there is none: the Login is gone, revoked or of another membership, the
 * membership is gone or inactive, or its client is gone or switched off. Every doubt is a refusal.
 */
export function principalOfLogin(records: PrincipalRecords): Principal | undefined {
  const { login, membership, user, epoch } = records;
  if (login === undefined || login.revoked === true || membership === undefined || user === undefined) return undefined;
  if (referenceOf(login.membership) !== `ProjectMembership/${idOf(membership)}`) return undefined;
  return principalOfClient({ epoch, client: user, membership });
}

/** The principal of a client in one of its memberships; undefined when either is not active. */
export function principalOfClient(records: {
  readonly epoch: string;
  readonly client: JsonObject;
  readonly membership: JsonObject;
}): Principal | undefined {
  const { epoch, client, membership } = records;
  if (client.resourceType !== 'ClientApplication' || !isActiveClient(client) || !isActiveMembership(membership)) {
    return undefined;
  }
  const access = Array.isArray(membership.access) ? membership.access : [];
  const admin = membership.admin === true;
  return {
    epoch,
    membershipId: idOf(membership),
    clientId: idOf(client),
    admin,
    profile: profileOf(membership, client),
    policy: membershipPolicy({ admin, hasPolicyEntries: membership.accessPolicy !== undefined || access.length > 0 }),
  };
}

/** Absent means active (`ProjectMembership.active`). */
export function isActiveMembership(membership: JsonObject): boolean {
  return membership.active !== false;
}

/** Absent means active (`ClientApplication.status`). */
function isActiveClient(client: JsonObject): boolean {
  return client.status === undefined || client.status === 'active';
}

function profileOf(membership: JsonObject, client: JsonObject): NamedReference {
  const profile = membership.profile as JsonObject | undefined;
  const reference = referenceOf(profile) ?? `ClientApplication/${idOf(client)}`;
  const display = profile?.display ?? client.name;
  return typeof display === 'string' ? { reference, display } : { reference };
}

function idOf(resource: JsonObject): string {
  if (typeof resource.id !== 'string') throw new Error('a stored resource has no id');
  return resource.id;
}

function referenceOf(value: unknown): string | undefined {
  const reference = (value as JsonObject | undefined)?.reference;
  return typeof reference === 'string' ? reference : undefined;
}
