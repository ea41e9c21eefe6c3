import { policyByType, type AccessPolicy } from './access-policy.js';

/**
 * The policy under which the platform itself acts, for example when it seeds a new project: everything is granted.
 * `reason` says in a few words why no member's rights apply; it is logged with what is done.
 */
export function systemPolicy(reason: string): AccessPolicy {
  if (reason.trim() === '') throw new Error('System access to a project needs a reason.');
  return policyByType(() => true, { reason: `system: ${reason}`, projectAdmin: true });
}
