/**
 * What an administrator of a project may do with the types that carry its members and their rights. These rules take the
 * place of whatever a policy says about those types.
 */
import type { JsonObject } from '#fhir';

const looking = ['read', 'search', 'vread', 'history'];

/**
 * Rules in the form of `AccessPolicy.resource`. A database holds the members and users of its own project only, so there
 * is no criterion for them; they are made by invitations.
 */
export function adminRules(projectId: string): JsonObject[] {
  return [
    {
      resourceType: 'Project',
      criteria: `Project?_id=${projectId}`,
      interaction: [...looking, 'update'],
      hiddenFields: ['superAdmin', 'systemSecret', 'strictMode'],
      readonlyFields: ['features', 'link', 'owner', 'systemSetting'],
    },
    {
      resourceType: 'ProjectMembership',
      interaction: [...looking, 'update', 'delete'],
      readonlyFields: ['project', 'user'],
    },
    {
      resourceType: 'User',
      interaction: [...looking, 'update', 'delete'],
      hiddenFields: ['passwordHash', 'mfaSecret'],
      readonlyFields: ['email', 'emailVerified', 'mfaEnrolled', 'project'],
    },
    { resourceType: 'UserSecurityRequest', readonly: true },
  ];
}

/** Types that act for others or decide over them, which administrators manage whatever their policies say. */
export const controlRules: readonly JsonObject[] = [
  { resourceType: 'AccessPolicy' },
  { resourceType: 'ClientApplication' },
  { resourceType: 'Bot' },
  { resourceType: 'SmartAppLaunch' },
  { resourceType: 'Subscription' },
];
