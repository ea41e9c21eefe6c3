import { fhirVersion, type JsonObject } from '#fhir';
import type { PrincipalRecords } from '#fhir-store';
import { principalOfLogin, principalOfMember, type PrincipalPlace } from './principal.js';

let warnings: unknown[];
beforeEach(() => {
  warnings = [];
});
const place: PrincipalPlace = {
  database: { projectId: 'p1', version: fhirVersion('R4') },
  logger: { warn: (...line: unknown[]) => void warnings.push(line) },
};

const client = { resourceType: 'ClientApplication', id: 'c1', name: 'Scanner', status: 'active' };
const membership: JsonObject = {
  resourceType: 'ProjectMembership',
  id: 'm1',
  user: { reference: 'ClientApplication/c1' },
  profile: { reference: 'ClientApplication/c1', display: 'Scanner 3' },
  admin: true,
};
const login: JsonObject = {
  resourceType: 'Login',
  id: 'l1',
  client: { reference: 'ClientApplication/c1' },
  user: { reference: 'ClientApplication/c1' },
  membership: { reference: 'ProjectMembership/m1' },
};
const records: PrincipalRecords = { epoch: '7', membership, user: client, login, client, policies: new Map() };
const withMembership = (change: object, more: Partial<PrincipalRecords> = {}) =>
  principalOfLogin(place, { ...records, ...more, membership: { ...membership, ...change } });

describe('the principal of a log-in', () => {
  test('has the rights and the profile of its membership, and their epoch', () => {
    const principal = principalOfLogin(place, records);
    expect(principal).toMatchObject({
      epoch: '7',
      membershipId: 'm1',
      user: 'ClientApplication/c1',
      clientId: 'c1',
      profile: { reference: 'ClientApplication/c1', display: 'Scanner 3' },
    });
    expect([principal?.policy.projectAdmin, principal?.policy.grants('update', 'ProjectMembership')]).toEqual([
      true,
      true,
    ]);
  });

  test.each([
    ['a person', { resourceType: 'User', id: 'u1' }],
    ['a bot', { resourceType: 'Bot', id: 'b1', name: 'Sorter' }],
  ])('of %s is theirs, whatever client they came through', (_who, user) => {
    const mine = { reference: `${user.resourceType}/${user.id}` };
    const own = { ...membership, user: mine, profile: { reference: 'Practitioner/1', display: 'Ana' } };
    const principal = principalOfLogin(place, { ...records, user, membership: own, login: { ...login, user: mine } });
    expect(principal).toMatchObject({ user: mine.reference, profile: { reference: 'Practitioner/1', display: 'Ana' } });
    expect(principal?.clientId).toBeUndefined();
    const { client: _client, ...direct } = login;
    const { client: _resource, ...withoutClient } = records;
    expect(
      principalOfLogin(place, { ...withoutClient, user, membership: own, login: { ...direct, user: mine } }),
    ).toBeDefined();
  });

  test('of a member who is no admin is no admin', () => {
    for (const admin of [undefined, false, 'true']) {
      const principal = withMembership({ admin });
      expect([principal?.policy.projectAdmin, principal?.policy.grants('update', 'ProjectMembership')]).toEqual([
        false,
        false,
      ]);
    }
  });

  test('has the policies that its membership names, and no other rights than those', () => {
    const policies = new Map([
      ['AccessPolicy/1', { id: '1', resource: [{ resourceType: 'Patient', readonly: true }] }],
    ]);
    const principal = withMembership({ accessPolicy: { reference: 'AccessPolicy/1' } }, { policies });
    const asked = [
      principal?.policy.grants('read', 'Patient'),
      principal?.policy.grants('update', 'Patient'),
      principal?.policy.grants('read', 'Task'),
    ];
    expect(asked).toEqual([true, false, false]);
    expect(withMembership({ access: [{}] })?.policy.grants('read', 'Patient')).toBe(false);
    expect(withMembership({ access: [] })?.policy.grants('read', 'Patient')).toBe(true);
  });

  test('says in the log what in its policies grants nothing, once for each time that it is made', () => {
    withMembership({});
    expect(warnings).toEqual([]);
    withMembership({ accessPolicy: { reference: 'AccessPolicy/gone' } });
    expect(warnings).toEqual([
      [
        { membership: 'm1', dropped: [{ policy: 'AccessPolicy/gone', why: 'there is no such policy' }] },
        'rules of access policies grant nothing',
      ],
    ]);
  });

  test('has only what the scopes of the log-in leave', () => {
    const principal = principalOfLogin(place, { ...records, login: { ...login, scope: 'openid system/Patient.rs' } });
    expect([
      principal?.policy.grants('read', 'Patient'),
      principal?.policy.grants('read', 'Task'),
      principal?.policy.projectAdmin,
    ]).toEqual([true, false, false]);
  });

  test('is limited to the patient for whom the app was launched', () => {
    const launched = { ...login, scope: 'patient/Patient.rs', launch: { reference: 'Patient/x' } };
    expect(principalOfLogin(place, { ...records, login: launched })?.policy.limits('read', 'Patient')).toMatchObject([
      { values: [{ code: 'Patient/x' }] },
    ]);
  });

  test.each<[string, Partial<Record<keyof PrincipalRecords, JsonObject | undefined>>]>([
    ['no login', { login: undefined }],
    ['a revoked login', { login: { ...login, revoked: true } }],
    ['a login of another membership', { login: { ...login, membership: { reference: 'ProjectMembership/m2' } } }],
    ['a login of no membership', { login: { resourceType: 'Login', id: 'l1' } }],
    ['a login of another user', { login: { ...login, user: { reference: 'User/u1' } } }],
    ['no membership', { membership: undefined }],
    ['an inactive membership', { membership: { ...membership, active: false } }],
    ['a membership of which nobody can say whether it is active', { membership: { ...membership, active: 'true' } }],
    ['no user', { user: undefined }],
    ['a client that is off', { user: { ...client, status: 'off' } }],
    ['a client in error', { user: { ...client, status: 'error' } }],
    ['another user than the membership names', { user: { ...client, id: 'c2' } }],
    [
      'a user who is none',
      { membership: { ...membership, user: { reference: 'Patient/c1' } }, user: { resourceType: 'Patient', id: 'c1' } },
    ],
    ['a client through which it came that is gone', { client: undefined }],
    ['a client through which it came that is off', { client: { ...client, status: 'off' } }],
    ['another client than the one through which it came', { client: { ...client, id: 'c2' } }],
  ])('does not exist with %s', (_name, change) => {
    expect(principalOfLogin(place, { ...records, ...change } as PrincipalRecords)).toBeUndefined();
  });
});

test('somebody who has a second factor is nobody in a log-in that has not shown it', () => {
  const user = { resourceType: 'User', id: 'u1', mfaEnrolled: true };
  const mine = { reference: 'User/u1' };
  const own = { ...membership, user: mine, profile: { reference: 'Practitioner/1' } };
  const of = (change: object) =>
    principalOfLogin(place, { ...records, user, membership: own, login: { ...login, user: mine, ...change } });
  expect([of({}), of({ mfaVerified: false }), of({ mfaVerified: 'true' })]).toEqual([undefined, undefined, undefined]);
  expect(of({ mfaVerified: true })?.user).toBe('User/u1');
});

test('a client without a profile of its own is its own profile', () => {
  const { profile: _profile, ...bare } = membership;
  const { epoch, policies } = records;
  expect(principalOfMember(place, { epoch, user: client, membership: bare, policies })?.profile).toEqual({
    reference: 'ClientApplication/c1',
    display: 'Scanner',
  });
});
