import type { TenantEntry } from './tenant-entry.js';
import { hostNameOf, TenantRouter } from './tenant-router.js';

const entry = (slug: string): TenantEntry => ({
  projectId: `0196f0d6-0000-7000-8000-00000000000${slug.length}`,
  slug,
  name: slug,
  state: 'active',
  fhirVersion: '4.0.1',
  baseUrls: [{ kind: 'slug', name: slug, canonical: true }],
  signingKeys: [],
});
const quay = entry('quay');
const harbour = entry('harbour');

let lookups = 0;
const counted = <T>(found: T): T => {
  lookups++;
  return found;
};
const router = new TenantRouter(
  {
    findBySlug: (slug) => counted([quay, harbour].find((project) => project.slug === slug)),
    findByDomain: (host) => counted(host === 'fhir.quay.example.org' ? quay : undefined),
    findById: (id) => counted([quay, harbour].find((project) => project.projectId === id)),
  },
  { baseDomain: 'localhost', publicHost: 'data.example.org' },
);
const route = (host?: string, path?: string, header?: string) => router.route({ host, path, header });

describe('routing', () => {
  test('by host: a slug below the base domain, or a domain of its own', () => {
    expect(route('quay.localhost:4100')).toBe(quay);
    expect(route('fhir.quay.example.org')).toBe(quay);
    expect(route('other.example.org')).toBe('unknown');
    expect(route('nobody.localhost')).toBe('unknown');
    expect(route('a.quay.localhost')).toBe('unknown');
  });

  test.each(['localhost:4100', '127.0.0.1:4100', '[::1]:4100', 'data-plane', 'data.example.org', undefined])(
    'by path and header on the address of the platform itself: %s',
    (host) => {
      expect(route(host)).toBe('none');
      expect(route(host, 'quay')).toBe(quay);
      expect(route(host, undefined, 'harbour')).toBe(harbour);
      expect(route(host, undefined, harbour.projectId)).toBe(harbour);
      expect(route(host, 'nobody')).toBe('unknown');
      expect(route(host, undefined, 'nobody')).toBe('unknown');
      expect(route(host, 'quay', '')).toBe(quay);
    },
  );

  test('not by path or header on an unknown host', () => {
    expect(route('other.example.org', 'quay')).toBe('unknown');
    expect(route('other.example.org', undefined, 'quay')).toBe('unknown');
  });

  test('refuses names that do not agree, known or not', () => {
    expect(route('quay.localhost', 'quay', 'quay')).toBe(quay);
    expect(route('quay.localhost', 'harbour')).toBe('ambiguous');
    expect(route('quay.localhost', 'nobody')).toBe('ambiguous');
    expect(route('quay.localhost', undefined, 'nobody')).toBe('ambiguous');
    expect(route('localhost', 'quay', 'harbour')).toBe('ambiguous');
    expect(route('localhost', 'nobody', 'quay')).toBe('unknown');
  });

  test('does not even look up what can be no name', () => {
    lookups = 0;
    for (const name of ['__proto__', 'UPPER', 'a b', '-a', '', 'x'.repeat(64), '../etc', 'ä']) {
      expect(route('localhost', name)).toBe('unknown');
    }
    expect(lookups).toBe(0);
  });
});

test.each([
  ['Quay.LOCALHOST:80', 'quay.localhost'],
  ['quay.localhost.', 'quay.localhost'],
  ['[2001:db8::1]:80', '[2001:db8::1]'],
  ['[2001:db8::1]', '[2001:db8::1]'],
  ['', ''],
  [undefined, ''],
])('the host name of %s is %s', (host, name) => {
  expect(hostNameOf(host)).toBe(name);
});
