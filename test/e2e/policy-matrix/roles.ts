/** The members of the matrix: for each policy of the documentation somebody who has it, bound as its README says. */
import { readFile } from 'node:fs/promises';
import type { Member, Policy } from './literal-reading.js';
import { samplesOf } from './samples.js';

export const policyFolder = 'docs/security/access-policies';

export const roleNames = [
  'patient-portal',
  'clinician-by-organization',
  'clinician-by-assignment',
  'mso',
  'backend-service',
  'read-only-auditor',
] as const;
export type RoleName = (typeof roleNames)[number];

/** A kind of member. */
export interface Role extends Member {
  readonly name: RoleName;
  /** `Type/id` of the person; a program is its own profile. */
  readonly profile: string | undefined;
  /** `ProjectMembership.access[0].parameter`. */
  readonly parameter: readonly object[];
}

/** The role, with the resources of its own place as what its parameters name. */
export async function roleNamed(name: RoleName): Promise<Role> {
  const policy = JSON.parse(await readFile(`${policyFolder}/${name}.json`, 'utf8')) as Policy;
  const own = (type: string): string => {
    const sample = samplesOf(name, 'own').find(({ resource }) => resource.resourceType === type);
    if (sample === undefined) throw new Error(`there is no sample of ${type}`);
    return `${type}/${sample.resource.id}`;
  };
  const bindings: Readonly<Record<RoleName, { profile?: string; parameters?: Record<string, string> }>> = {
    'patient-portal': { profile: own('Patient') },
    'clinician-by-organization': {
      profile: own('Practitioner'),
      parameters: { organization: own('Organization') },
    },
    'clinician-by-assignment': { profile: own('Practitioner'), parameters: { care_team: own('CareTeam') } },
    mso: { profile: own('Practitioner'), parameters: { organization: own('Organization') } },
    'backend-service': {},
    'read-only-auditor': { profile: own('Practitioner') },
  };
  const { profile, parameters = {} } = bindings[name];
  const ofProfile: Member['variables'] = profile === undefined ? {} : { profile: [profile], patient: [profile] };
  const variables = Object.entries(parameters).map(([parameter, value]) => [parameter, [value]] as const);
  return {
    name,
    policy,
    profile,
    variables: { ...ofProfile, ...Object.fromEntries(variables) },
    parameter: Object.entries(parameters).map(([parameter, value]) => ({
      name: parameter,
      valueReference: { reference: value },
    })),
  };
}
