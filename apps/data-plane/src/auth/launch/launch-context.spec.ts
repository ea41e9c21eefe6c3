import { launchedFor, scopeWithContext } from './launch-context.js';

const launch = { patient: 'Patient/1', encounter: 'Encounter/2' };

describe('an app that is launched', () => {
  test.each([
    ['launch', launch],
    ['openid launch patient/*.rs', launch],
    ['launch/patient', { patient: 'Patient/1' }],
    ['launch/encounter', { encounter: 'Encounter/2' }],
    ['openid patient/*.rs', {}],
    ['launcher launch/', {}],
  ])('with the scope %j is told %j', (scope, expected) => {
    expect(launchedFor(scope, launch)).toEqual(expected);
  });

  test('is told nothing where there was no launch', () => {
    expect(launchedFor('launch launch/patient')).toEqual({});
  });
});

test.each([
  ['openid launch', {}, 'openid'],
  ['launch/patient openid launch/encounter', { patient: 'Patient/1' }, 'launch/patient openid'],
  ['launch launch/encounter', launch, 'launch launch/encounter'],
  ['openid offline_access', {}, 'openid offline_access'],
])('of %j with %j the scope %j is granted', (scope, context, expected) => {
  expect(scopeWithContext(scope, context)).toBe(expected);
});
