/** Policies made of rules as they stand in an AccessPolicy resource, for tests of what they do to writes. */
import { effectivePolicy } from '#access-policy';
import { fhirVersion, type JsonObject } from '#fhir';
import { baseUrl } from './store.fixture.js';

export interface MemberOptions {
  readonly admin?: boolean;
  /** Further members of the AccessPolicy. */
  readonly policy?: JsonObject;
  readonly scope?: string;
}

/** The policy of a member whose membership names one AccessPolicy with these rules. */
export function rules(rule: readonly JsonObject[], { admin = false, policy = {}, scope = '' }: MemberOptions = {}) {
  return effectivePolicy({
    version: fhirVersion('R4'),
    ownBaseUrls: [baseUrl],
    projectId: 'p',
    membership: {
      resourceType: 'ProjectMembership',
      id: 'm',
      project: { reference: 'Project/p' },
      user: { reference: 'User/u' },
      profile: { reference: 'Practitioner/me' },
      admin,
      accessPolicy: { reference: 'AccessPolicy/a' },
    },
    policies: new Map([['AccessPolicy/a', { resourceType: 'AccessPolicy', id: 'a', resource: [...rule], ...policy }]]),
    scope,
  });
}
