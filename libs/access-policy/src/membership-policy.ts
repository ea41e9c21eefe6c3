import { policyByType, type AccessPolicy, type Interaction } from './access-policy.js';
import { protectionOf } from './protected-types.js';

/** What a membership says about the rights of its member. */
export interface MembershipRights {
  /** `ProjectMembership.admin`. */
  readonly admin: boolean;
  /** Whether the membership names any AccessPolicy, in `accessPolicy` or in `access`. */
  readonly hasPolicyEntries: boolean;
}

/**
 * The policy of a member. A membership without policies gives all ordinary types; types that carry rights or secrets
 * follow their own rules, with more for administrators of the project. A membership that names policies gives nothing:
 * what those policies would take away is not evaluated yet, so nothing may be granted in spite of it.
 */
export function membershipPolicy({ admin, hasPolicyEntries }: MembershipRights): AccessPolicy {
  if (hasPolicyEntries) {
    const reason = 'membership with policies that are not evaluated yet';
    return policyByType(() => false, { reason, projectAdmin: false });
  }
  const reason = admin ? 'project admin' : 'member';
  return policyByType((interaction, type) => grants(admin, interaction, type), { reason, projectAdmin: admin });
}

const writes: ReadonlySet<Interaction> = new Set<Interaction>(['create', 'update', 'delete']);

function grants(admin: boolean, interaction: Interaction, type: string): boolean {
  switch (protectionOf(type)) {
    case 'closed':
      return false;
    case 'read-only':
      return admin && !writes.has(interaction);
    case 'administration':
      return admin;
    case 'control':
      return admin || !writes.has(interaction);
    case 'open':
      return true;
  }
}
