/** Policies of members, made of what a test names, and short questions to them. */
import { fhirVersion, type JsonObject } from '#fhir';
import { interactions, type Interaction } from './access-policy.js';
import { effectivePolicy, type EffectivePolicy } from './effective-policy.js';

export const version = fhirVersion('R4');
export const projectId = 'project-1';

interface Given {
  /** The rules of one policy that the member has, with `parameter`. */
  readonly rules?: readonly object[];
  readonly policy?: object;
  readonly parameter?: readonly object[];
  readonly access?: readonly object[];
  readonly accessPolicy?: object;
  readonly policies?: Readonly<Record<string, object>>;
  readonly admin?: boolean;
  readonly profile?: string;
  readonly scope?: string;
  readonly launchPatient?: string;
}

/** The policy of a member of whom the rest is usual. */
export function policyFor(given: Given): EffectivePolicy {
  const { rules, parameter, admin, profile = 'Practitioner/me', scope = '', launchPatient } = given;
  const own = given.policy ?? (rules && { resource: rules });
  const entries = own ? [{ policy: { reference: 'AccessPolicy/own' }, ...(parameter ? { parameter } : {}) }] : [];
  const access = [...entries, ...(given.access ?? [])];
  const stored = { ...(own ? { own } : {}), ...given.policies };
  return effectivePolicy({
    version,
    projectId,
    membership: {
      resourceType: 'ProjectMembership',
      id: 'm1',
      profile: { reference: profile },
      ...(admin === undefined ? {} : { admin }),
      ...(given.accessPolicy ? { accessPolicy: given.accessPolicy } : {}),
      ...(access.length > 0 ? { access } : {}),
    } as JsonObject,
    policies: new Map(Object.entries(stored).map(([id, one]) => [`AccessPolicy/${id}`, { id, ...one }])),
    scope,
    ...(launchPatient === undefined ? {} : { launchPatient }),
  });
}

/** Whether the policy grants the interaction on the resource. */
export const may = (policy: EffectivePolicy, interaction: Interaction, value: JsonObject): boolean =>
  policy.grantFor(interaction, { type: value['resourceType'] as string, value }) !== undefined;

/** The interactions that some rule grants on a type. */
export const granted = (policy: EffectivePolicy, type: string) =>
  interactions.filter((one) => policy.grants(one, type));
/** A Patient that belongs to an organization and is filed under it. */
export const patientOf = (organization: string, more: object = {}): JsonObject => ({
  resourceType: 'Patient',
  id: 'p',
  managingOrganization: { reference: organization },
  meta: { compartment: [{ reference: organization }] },
  ...more,
});
/** A parameter of an access entry. */
export const organization = (reference: string) => ({ name: 'organization', valueReference: { reference } });
/** What `readonly` is short for. */
export const looking: Interaction[] = ['read', 'vread', 'search', 'history'];
