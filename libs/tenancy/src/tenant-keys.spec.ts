import { randomBytes } from 'node:crypto';
import { signingKeyContext } from '#control-database';
import { masterKeyProvider, seal } from '#platform';
import {
  openProjectKey,
  openSigningKey,
  openTenantPassword,
  projectKeys,
  tenantPasswordContext,
} from './tenant-keys.js';
import type { TenantEntry } from './tenant-entry.js';

const provider = masterKeyProvider(randomBytes(32));
const base64 = (bytes: Buffer): string => bytes.toString('base64');

test('keys of a project follow from its data key, and differ from each other and from other projects', () => {
  const [one, other] = [randomBytes(32), randomBytes(32)];
  expect(projectKeys(one)).toEqual(projectKeys(one));
  const all = [projectKeys(one), projectKeys(other)].flatMap((keys) => Object.values(keys) as Buffer[]);
  expect(new Set(all.map(base64)).size).toBe(10);
  expect(all.every((key) => key.length === 32)).toBe(true);
});

test('the password opens for its own database only', async () => {
  const key = randomBytes(32);
  const placement = {
    generation: 1,
    clusterId: 'cl_1',
    host: 'h',
    port: 1,
    databaseId: 'd1',
    database: 'fp_1',
    role: 'r',
    sealedPassword: base64(seal(key, 'secret', tenantPasswordContext('d1'))),
    wrappedKey: base64(await provider.wrap(key)),
  };
  await expect(openTenantPassword(placement, provider)).resolves.toBe('secret');
  await expect(openTenantPassword({ ...placement, databaseId: 'd2' }, provider)).rejects.toMatchObject({
    code: 'seal-broken',
  });
});

test('a signing key opens under its own key id only', () => {
  const projectKey = randomBytes(32);
  const sealed = {
    kid: 'k1',
    state: 'signing' as const,
    publicJwk: '{}',
    sealedPrivateKey: base64(seal(projectKey, 'der', signingKeyContext('k1'))),
  };
  expect(openSigningKey(sealed, projectKey).toString()).toBe('der');
  expect(() => openSigningKey({ ...sealed, kid: 'k2' }, projectKey)).toThrow(/k2/);
});

test('a project without a data key opens nothing', async () => {
  const entry: TenantEntry = {
    projectId: 'p',
    slug: 's',
    name: 'n',
    state: 'active',
    fhirVersion: '4.0.1',
    baseUrls: [],
    signingKeys: [],
  };
  await expect(openProjectKey(entry, provider)).rejects.toThrow(/no data key/);
});
