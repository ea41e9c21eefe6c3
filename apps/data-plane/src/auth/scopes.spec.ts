import { expect, test } from '@jest/globals';
import { grantedScope } from './scopes.js';

test.each([
  [undefined, 'openid'],
  ['', 'openid'],
  ['  openid   fhirUser ', 'openid fhirUser'],
  ['launch/patient openid', 'launch/patient openid'],
  ['offline_access', 'offline_access'],
  ['system/*.read', undefined],
  ['openid patient/Observation.rs', undefined],
  ['admin', undefined],
])('%j is granted as %j', (requested, granted) => {
  expect(grantedScope(requested)).toBe(granted);
});
