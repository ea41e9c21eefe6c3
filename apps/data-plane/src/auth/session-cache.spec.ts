import { systemPolicy } from '#access-policy';
import type { TenantEntry } from '#tenancy';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { SessionCache } from './session-cache.js';
import { Session } from './session.js';

const entry = (projectId: string): TenantEntry => ({
  projectId,
  slug: projectId,
  name: projectId,
  state: 'active',
  fhirVersion: '4.0.1',
  baseUrls: [],
  signingKeys: [],
});

function sessionAt(of: TenantEntry, expiresAt: number): Session {
  const principal = {
    epoch: '1',
    membershipId: 'm',
    user: 'ClientApplication/c',
    clientId: 'c',
    admin: false,
    profile: { reference: 'ClientApplication/c' },
    policy: {
      ...systemPolicy('test'),
      basedOn: [],
      dropped: [],
      ipAccessRules: [],
      isScoped: false,
      describe: () => ({}),
    },
  };
  const runtime = { serves: (current: TenantEntry) => current === of } as TenantRuntime;
  return new Session(runtime, 'l', expiresAt, principal, async () => principal);
}

test('a session is found by project and credential, not by the credential alone', () => {
  const cache = new SessionCache();
  const [north, south] = [entry('north'), entry('south')];
  const session = sessionAt(north, Infinity);
  cache.remember(north, 'Bearer t', session);
  expect(cache.find(north, 'Bearer t')).toBe(session);
  expect(cache.find(south, 'Bearer t')).toBeUndefined();
  expect(cache.find(north, 'Bearer u')).toBeUndefined();
  expect(cache.find(north, 'Basic t')).toBeUndefined();
});

test('a credential that ends like another one is not taken for it', () => {
  const cache = new SessionCache();
  const north = entry('north');
  const end = 'e'.repeat(64);
  cache.remember(north, `Bearer a.${end}`, sessionAt(north, Infinity));
  expect(cache.find(north, `Bearer b.${end}`)).toBeUndefined();
});

test('a session ends with its token, and when the entry of its project has changed', () => {
  const cache = new SessionCache();
  const north = entry('north');
  cache.remember(north, 'Bearer old', sessionAt(north, Date.now() - 1));
  cache.remember(north, 'Bearer good', sessionAt(north, Date.now() + 60_000));
  expect(cache.find(north, 'Bearer old')).toBeUndefined();
  expect(cache.find({ ...north }, 'Bearer good')).toBeUndefined();
  expect(cache.find(north, 'Bearer good')).toBeDefined();
});

test('the cache does not grow beyond its bound', () => {
  const cache = new SessionCache();
  const north = entry('north');
  const session = sessionAt(north, Infinity);
  for (let index = 0; index < 10_500; index++) cache.remember(north, `Bearer ${index}`, session);
  expect(cache.size).toBe(10_000);
});
