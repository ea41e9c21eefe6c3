/** Members with policies as they are stored, and the accounts of what they write. */
import { effectivePolicy, type AccessPolicy } from '#access-policy';
import { fhirVersion, type JsonObject } from '#fhir';
import type { ResourceRepository, StoredVersion } from '#fhir-store';
import { parse, text, type TestTenant } from './store.fixture.js';

export interface TestMember {
  readonly admin?: boolean;
  /** The policy of the membership; without one everything is granted. */
  readonly policy?: JsonObject;
  /** The values of parameters, by name; several of one name are alternatives. */
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  /** The scopes of the log-in. */
  readonly scope?: string;
}

/** The effective policy of a member. */
export function policyOfMember({ admin = false, policy, parameters = {}, scope = '' }: TestMember): AccessPolicy {
  const parameter = Object.entries(parameters).flatMap(([name, references]) =>
    references.map((reference) => ({ name, valueReference: { reference } })),
  );
  const membership = {
    resourceType: 'ProjectMembership',
    id: 'm',
    profile: { reference: 'Practitioner/p' },
    admin,
    ...(policy ? { access: [{ policy: { reference: 'AccessPolicy/a' }, parameter }] } : {}),
  };
  const policies = new Map(policy ? [['AccessPolicy/a', { resourceType: 'AccessPolicy', id: 'a', ...policy }]] : []);
  return effectivePolicy({ version: fhirVersion('R4'), projectId: 'p', membership, policies, scope });
}

/** A repository of a member at the epoch of this moment; `extended`: in extended mode. */
export const asMember = (tenant: TestTenant, member: TestMember, extended = true): Promise<ResourceRepository> =>
  tenant.repository({ policy: policyOfMember(member), extended });

export const admin: TestMember = { admin: true };

/** `meta` with these accounts. */
export const filedUnder = (...references: string[]): JsonObject => ({
  accounts: references.map((reference) => ({ reference })),
});

export const anObservation = (subject: string | undefined, more: JsonObject = {}) =>
  text({
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'pulse' },
    ...(subject === undefined ? {} : { subject: { reference: subject } }),
    ...more,
  });

const referencesIn = (value: unknown): string[] =>
  (Array.isArray(value) ? (value as { reference: string }[]) : []).map(({ reference }) => reference);

/** Under what a version is filed, by its body. */
export const accountsOf = ({ body }: StoredVersion): string[] =>
  referencesIn((parse(body).meta as JsonObject).accounts);

/** `meta` as extended mode shows it besides. */
export const extendedMetaOf = ({ extendedMeta }: StoredVersion): JsonObject => parse(`{${extendedMeta}}`);

export const compartmentOf = (version: StoredVersion): string[] => referencesIn(extendedMetaOf(version).compartment);
