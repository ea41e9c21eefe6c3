import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '#fhir';
import { principalOfClient, principalOfLogin } from './principal.js';

const client = { resourceType: 'ClientApplication', id: 'c1', name: 'Scanner', status: 'active' };
const membership: JsonObject = {
  resourceType: 'ProjectMembership',
  id: 'm1',
  user: { reference: 'ClientApplication/c1' },
  profile: { reference: 'ClientApplication/c1', display: 'Scanner 3' },
  admin: true,
};
const login: JsonObject = { resourceType: 'Login', id: 'l1', membership: { reference: 'ProjectMembership/m1' } };
const records = { epoch: '7', membership, user: client, login };

describe('the principal of a log-in', () => {
  test('has the rights and the profile of its membership, and their epoch', () => {
    const principal = principalOfLogin(records);
    expect(principal).toMatchObject({
      epoch: '7',
      membershipId: 'm1',
      clientId: 'c1',
      admin: true,
      profile: { reference: 'ClientApplication/c1', display: 'Scanner 3' },
    });
    expect(principal?.policy.grants('update', 'ProjectMembership')).toBe(true);
  });

  test('of a member who is no admin is no admin', () => {
    for (const admin of [undefined, false, 'true']) {
      const principal = principalOfLogin({ ...records, membership: { ...membership, admin } });
      expect([principal?.admin, principal?.policy.grants('update', 'ProjectMembership')]).toEqual([false, false]);
    }
  });

  test('grants nothing while its policies are not evaluated', () => {
    for (const entries of [{ accessPolicy: { reference: 'AccessPolicy/1' } }, { access: [{}] }]) {
      const principal = principalOfLogin({ ...records, membership: { ...membership, ...entries } });
      expect(principal?.policy.grants('read', 'Patient')).toBe(false);
    }
    const empty = principalOfLogin({ ...records, membership: { ...membership, access: [] } });
    expect(empty?.policy.grants('read', 'Patient')).toBe(true);
  });

  test.each<[string, object]>([
    ['no login', { login: undefined }],
    ['a revoked login', { login: { ...login, revoked: true } }],
    ['a login of another membership', { login: { ...login, membership: { reference: 'ProjectMembership/m2' } } }],
    ['a login of no membership', { login: { resourceType: 'Login', id: 'l1' } }],
    ['no membership', { membership: undefined }],
    ['an inactive membership', { membership: { ...membership, active: false } }],
    ['no client', { user: undefined }],
    ['a client that is off', { user: { ...client, status: 'off' } }],
    ['a client in error', { user: { ...client, status: 'error' } }],
    ['a user who is no client', { user: { resourceType: 'User', id: 'c1' } }],
  ])('does not exist with %s', (_name, change) => {
    expect(principalOfLogin({ ...records, ...change })).toBeUndefined();
  });
});

test('a client without a profile of its own is its own profile', () => {
  const { profile: _profile, ...bare } = membership;
  expect(principalOfClient({ epoch: '1', client, membership: bare })?.profile).toEqual({
    reference: 'ClientApplication/c1',
    display: 'Scanner',
  });
});
