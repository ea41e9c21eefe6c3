import { grantedScope, narrowedScope, wantsRefresh } from './scopes.js';

test.each([
  [undefined, 'openid'],
  ['', 'openid'],
  ['  openid   fhirUser openid ', 'openid fhirUser'],
  ['launch/patient openid', 'launch/patient openid'],
  ['offline_access', 'offline_access'],
  ['system/*.read', 'system/*.read'],
  ['openid patient/Observation.rs?category=a|b', 'openid patient/Observation.rs?category=a|b'],
  ['openid "quoted"', undefined],
  ['back\\slash', undefined],
  ['openid\u00a0x\u0001', undefined],
  ['x'.repeat(3000), undefined],
])('%j is granted as %j', (requested, granted) => {
  expect(grantedScope(requested)).toBe(granted);
});

test('without a wish the scopes are the defaults of the client', () => {
  expect(grantedScope(undefined, ['openid', 'user/*.rs'])).toBe('openid user/*.rs');
  expect(grantedScope('openid', ['openid', 'user/*.rs'])).toBe('openid');
});

test('both words for offline access ask for a refresh token', () => {
  expect(['openid', 'openid offline', 'offline_access', 'offline_accessx'].map(wantsRefresh)).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

describe('a scope may only be narrowed', () => {
  test.each([
    ['openid profile', 'openid', 'openid'],
    ['openid patient/*.read', 'patient/Observation.rs', 'patient/Observation.rs'],
    ['openid patient/*.*', 'openid patient/*.read', 'openid patient/*.read'],
    ['user/Patient.cruds', 'user/Patient.rs?active=true', 'user/Patient.rs?active=true'],
  ])('%j to %j', (granted, requested, expected) => {
    expect(narrowedScope(granted, requested)).toBe(expected);
  });

  test.each([
    ['openid', 'openid profile'],
    ['openid', ''],
    ['openid', 'openid user/*.read'],
    ['openid patient/*.read', 'openid'],
    ['openid PATIENT/*.read', 'openid'],
    ['openid patient/*.read', 'openid user/*.read'],
    ['openid patient/Observation.read', 'patient/*.read'],
    ['openid patient/Observation.read', 'patient/Observation.cruds'],
    ['user/Patient.rs?active=true', 'user/Patient.rs'],
    ['user/Patient.rs?active=true', 'user/Patient.rs?active=false'],
    // What the policy would read as a scope that allows nothing.
    ['user/*.cruds', 'user/patient.rs'],
    ['user/*.cruds', 'user/Patient.rs?organization=%profile'],
  ])('not %j to %j', (granted, requested) => {
    expect(narrowedScope(granted, requested)).toBeUndefined();
  });
});
