/** #access-policy: what a caller may do. Pure: it decides, and runs nothing. */
export { interactions, policyByType, type AccessPolicy, type Grant, type Interaction, type JudgedResource } from './access-policy.js';
export { membershipPolicy, type MembershipRights } from './membership-policy.js';
export { protectionOf, type Protection } from './protected-types.js';
export { systemPolicy } from './system-policy.js';
