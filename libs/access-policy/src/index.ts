/** #access-policy: what a caller may do. Pure: it decides, and runs nothing. */
export {
  interactions,
  policyByType,
  type AccessPolicy,
  type Grant,
  type Interaction,
  type JudgedResource,
} from './access-policy.js';
export { constraintsHold } from './constraints/constraints-hold.js';
export type { PolicyInput } from './rules/effective-rules.js';
export { effectivePolicy, type EffectivePolicy } from './effective-policy.js';
export { hideExtendedMeta, hideFields } from './fields/hide-fields.js';
export { keepFields } from './fields/keep-fields.js';
export { parameterTouches } from './fields/parameter-touches.js';
export { ipAccess } from './ip-access.js';
export { policyIssues, rightsSizeIssues } from './policy-issues.js';
export { isSmartScope, isWithinScope } from './smart-scopes.js';
export { systemPolicy } from './system-policy.js';
