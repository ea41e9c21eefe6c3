/** #access-policy: what a caller may do, decided without looking at any resource. Pure. */
export { interactions, type AccessPolicy, type Interaction } from './access-policy.js';
export { membershipPolicy, type MembershipRights } from './membership-policy.js';
export { protectionOf, type Protection } from './protected-types.js';
export { systemPolicy } from './system-policy.js';
