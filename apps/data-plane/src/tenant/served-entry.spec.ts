import type { TenantEntry } from '#tenancy';
import { ServedEntry } from './served-entry.js';

const entry: TenantEntry = {
  projectId: 'one',
  slug: 'one',
  name: 'One',
  state: 'active',
  fhirVersion: '4.0.1',
  baseUrls: [],
  signingKeys: [],
  schemaVersion: 4,
};

test('a project whose database was migrated is served by the entry that says so', () => {
  const served = new ServedEntry(entry);
  const migrated = { ...entry, schemaVersion: 5 };
  expect(served.serves(migrated)).toBe(true);
  expect(served.current).toBe(migrated);
  const tooOld: TenantEntry = { ...entry, schemaVersion: 1, schemaTooOld: true };
  expect(served.serves(tooOld)).toBe(true);
  expect(served.current).toBe(tooOld);
});

test.each<[string, Partial<TenantEntry>]>([
  ['keys', { signingKeys: [{ kid: 'k', state: 'signing', publicJwk: '{}', sealedPrivateKey: '' }] }],
  ['state', { state: 'suspended' }],
  ['name', { name: 'Other' }],
  ['data key', { wrappedProjectKey: 'x' }],
  ['project', { projectId: 'two' }],
])('an entry with another %s is another one', (_what, change) => {
  const served = new ServedEntry(entry);
  expect(served.serves({ ...entry, schemaVersion: 5, ...change })).toBe(false);
  expect(served.current).toBe(entry);
});
