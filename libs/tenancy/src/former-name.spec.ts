import { formerNameUsed } from './former-name.js';
import type { TenantEntry } from './tenant-entry.js';

const former = { since: 1_000, endsAt: 9_000 };
const entry: TenantEntry = {
  projectId: '0196f0d6-0000-7000-8000-000000000001',
  slug: 'group',
  name: 'Group',
  state: 'active',
  fhirVersion: '4.0.1',
  baseUrls: [
    { kind: 'slug', name: 'group', canonical: true },
    { kind: 'slug', name: 'clinic', canonical: false, former },
  ],
  signingKeys: [],
};
const used = (host?: string, path?: string, header?: string) =>
  formerNameUsed(entry, { host, path, header }, 'localhost')?.name;

test('a former slug is noticed in the host, the path and the header', () => {
  expect([used('Clinic.localhost:4100'), used('localhost', 'clinic'), used('localhost', undefined, 'clinic')]).toEqual([
    'clinic',
    'clinic',
    'clinic',
  ]);
});

test('a present name, the id and another host are none', () => {
  expect([used('group.localhost', 'group'), used('localhost', undefined, entry.projectId), used('clinic.org')]).toEqual(
    [undefined, undefined, undefined],
  );
  expect(
    formerNameUsed(
      { ...entry, baseUrls: entry.baseUrls.slice(0, 1) },
      { host: 'clinic.localhost', path: undefined, header: undefined },
      'localhost',
    ),
  ).toBeUndefined();
});
