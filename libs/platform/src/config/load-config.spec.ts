import path from 'node:path';
import { ConfigError } from './config.js';
import { loadConfig } from './load-config.js';

const key = Buffer.alloc(32, 7).toString('base64');

describe('loadConfig', () => {
  test('an empty environment gives the documented defaults', () => {
    expect(loadConfig({})).toMatchObject({
      dataDir: path.resolve('.boxyard'),
      databaseUrl: undefined,
      redisUrl: undefined,
      host: '127.0.0.1',
      controlPort: 4000,
      dataPort: 4100,
      workerPort: 4200,
      baseDomain: 'localhost',
      trustProxy: false,
      masterKey: undefined,
      adminEmail: 'admin@example.com',
      adminPassword: undefined,
      logLevel: 'info',
      pathRouting: true,
      auditReads: 'batched',
    });
  });

  test('every variable is read', () => {
    const config = loadConfig({
      BOXYARD_DATA_DIR: '/srv/box',
      DATABASE_URL: 'postgres://u:p@db:5432/boxyard',
      REDIS_URL: 'rediss://cache:6380',
      HOST: '0.0.0.0',
      CONTROL_PORT: '0',
      DATA_PORT: '8080',
      WORKER_PORT: '65535',
      BASE_DOMAIN: 'FHIR.Example.org',
      PUBLIC_DATA_URL: 'https://fhir.example.org/',
      PUBLIC_CONTROL_URL: 'https://control.example.org/base/',
      TRUST_PROXY: '10.0.0.0/8, ::1',
      BOXYARD_MASTER_KEY: key,
      BOXYARD_ADMIN_EMAIL: 'Ops@Example.org',
      BOXYARD_ADMIN_PASSWORD: ' eight bytes ',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
      PATH_ROUTING: 'on',
      AUDIT_READS: 'strict',
      MAX_BINARY_MB: '250',
    });
    expect(config).toEqual({
      dataDir: '/srv/box',
      databaseUrl: 'postgres://u:p@db:5432/boxyard',
      redisUrl: 'rediss://cache:6380',
      host: '0.0.0.0',
      controlPort: 0,
      dataPort: 8080,
      workerPort: 65535,
      baseDomain: 'fhir.example.org',
      publicDataUrl: 'https://fhir.example.org',
      publicControlUrl: 'https://control.example.org/base',
      trustProxy: '10.0.0.0/8,::1',
      masterKey: Buffer.alloc(32, 7),
      adminEmail: 'ops@example.org',
      adminPassword: ' eight bytes ',
      logLevel: 'debug',
      logFormat: 'json',
      pathRouting: true,
      auditReads: 'strict',
      maxBinaryBytes: 250 * 1024 * 1024,
    });
  });

  test('an empty variable counts as unset', () => {
    expect(loadConfig({ DATABASE_URL: '', DATA_PORT: ' ' })).toMatchObject({ databaseUrl: undefined, dataPort: 4100 });
  });

  test('path routing is off by default with a database of one’s own', () => {
    expect(loadConfig({ DATABASE_URL: 'postgres://db/boxyard' }).pathRouting).toBe(false);
  });

  test('a number in TRUST_PROXY is a number of proxies', () => {
    expect(loadConfig({ TRUST_PROXY: '2' }).trustProxy).toBe(2);
    expect(loadConfig({ TRUST_PROXY: '0' }).trustProxy).toBe(false);
    expect(loadConfig({ TRUST_PROXY: 'off' }).trustProxy).toBe(false);
  });

  test('the result cannot be changed', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true);
  });

  test.each([
    ['DATABASE_URL', 'mysql://secret@db/x'],
    ['DATABASE_URL', 'secret'],
    ['REDIS_URL', 'http://secret'],
    ['HOST', 'secret host'],
    ['CONTROL_PORT', '70000-secret'],
    ['DATA_PORT', '65536'],
    ['WORKER_PORT', '-1'],
    ['BASE_DOMAIN', 'secret_domain..org'],
    ['PUBLIC_DATA_URL', 'ftp://secret'],
    ['PUBLIC_CONTROL_URL', 'https://user:secret@control'],
    ['TRUST_PROXY', 'secret'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['BOXYARD_MASTER_KEY', 'c2VjcmV0'],
    ['BOXYARD_ADMIN_EMAIL', 'secret'],
    ['BOXYARD_ADMIN_PASSWORD', 'secret'],
    ['LOG_LEVEL', 'secret'],
    ['LOG_FORMAT', 'secret'],
    ['PATH_ROUTING', 'secret'],
    ['MAX_BINARY_MB', 'secret'],
    ['MAX_BINARY_MB', '0'],
  ])('a wrong %s (%s) is refused by name, and its value is not shown', (variable, value) => {
    let error: unknown;
    try {
      loadConfig({ [variable]: value });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message).toMatch(new RegExp(`^${variable}: `));
    expect(message).not.toContain('secret');
    expect(message).not.toContain(value);
  });
});
