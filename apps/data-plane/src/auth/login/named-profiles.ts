/** The names that people see when they choose between their profiles. */
import { systemPolicy } from '#access-policy';
import type { JsonObject } from '#fhir';
import { ResourceRepository, type StoredResource } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { findReferences } from '../found-or-undefined.js';
import type { NamedReference } from '../principal.js';

export interface NamedProfile {
  /** Id of the ProjectMembership. */
  readonly membership: string;
  readonly profile: NamedReference;
}

/** The profile of each membership, with the name that the membership says, or else the profile itself. */
export async function namedProfiles(
  { database }: TenantRuntime,
  memberships: readonly StoredResource[],
): Promise<NamedProfile[]> {
  const unnamed = memberships.map(profileOf).filter(({ display }) => display === undefined);
  const repository = new ResourceRepository(database, {
    policy: systemPolicy('names of profiles to choose'),
    agent: 'system/identity',
    requestId: 'identity',
  });
  const resources = await findReferences(
    repository,
    unnamed.map(({ reference }) => reference),
  );
  return memberships.map((membership) => {
    const { reference, display = nameOf(resources.get(reference)) } = profileOf(membership);
    return { membership: membership.id, profile: { reference, ...(display === undefined ? {} : { display }) } };
  });
}

function profileOf(membership: JsonObject): NamedReference {
  const { reference, display } = (membership.profile ?? {}) as { reference?: unknown; display?: unknown };
  return {
    reference: typeof reference === 'string' ? reference : '',
    ...(typeof display === 'string' ? { display } : {}),
  };
}

/** The first name of a person as one text (https://hl7.org/fhir/R4/datatypes.html#HumanName), or a plain name. */
export function nameOf(resource: JsonObject | undefined): string | undefined {
  const name: unknown = Array.isArray(resource?.name) ? resource.name[0] : resource?.name;
  if (typeof name === 'string') return name;
  if (typeof name !== 'object' || name === null) return undefined;
  const { text, given, family } = name as { text?: unknown; given?: unknown; family?: unknown };
  if (typeof text === 'string') return text;
  const parts = [...(Array.isArray(given) ? (given as unknown[]) : []), family].filter(
    (part) => typeof part === 'string',
  );
  return parts.length === 0 ? undefined : parts.join(' ');
}
