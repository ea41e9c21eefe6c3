import { isIP } from 'node:net';
import path from 'node:path';
import { ConfigError, type Config } from './config.js';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * Reads the environment, the only place that does. An empty variable counts as unset. Throws a ConfigError for the
 * first wrong variable.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const read = (variable: string): string | undefined => env[variable]?.trim() || undefined;
  const databaseUrl = readUrl('DATABASE_URL', read('DATABASE_URL'), ['postgres:', 'postgresql:']);
  return Object.freeze<Config>({
    dataDir: path.resolve(read('BOXYARD_DATA_DIR') ?? '.boxyard'),
    databaseUrl,
    redisUrl: readUrl('REDIS_URL', read('REDIS_URL'), ['redis:', 'rediss:']),
    host: readHost(read('HOST') ?? '127.0.0.1'),
    controlPort: readPort('CONTROL_PORT', read('CONTROL_PORT'), 4000),
    dataPort: readPort('DATA_PORT', read('DATA_PORT'), 4100),
    workerPort: readPort('WORKER_PORT', read('WORKER_PORT'), 4200),
    baseDomain: readBaseDomain(read('BASE_DOMAIN') ?? 'localhost'),
    publicDataUrl: readPublicUrl('PUBLIC_DATA_URL', read('PUBLIC_DATA_URL')),
    publicControlUrl: readPublicUrl('PUBLIC_CONTROL_URL', read('PUBLIC_CONTROL_URL')),
    trustProxy: readTrustProxy(read('TRUST_PROXY')),
    masterKey: readMasterKey(read('BOXYARD_MASTER_KEY')),
    adminEmail: readEmail(read('BOXYARD_ADMIN_EMAIL') ?? 'admin@example.com'),
    // A password is taken as it is, spaces at its ends included.
    adminPassword: readAdminPassword(env['BOXYARD_ADMIN_PASSWORD'] || undefined),
    logLevel: readChoice('LOG_LEVEL', read('LOG_LEVEL') ?? 'info', logLevels),
    logFormat: readChoice('LOG_FORMAT', read('LOG_FORMAT') ?? (process.stdout.isTTY ? 'pretty' : 'json'), [
      'pretty',
      'json',
    ]),
    pathRouting:
      readChoice('PATH_ROUTING', read('PATH_ROUTING') ?? (databaseUrl === undefined ? 'on' : 'off'), ['on', 'off']) ===
      'on',
    auditReads: readChoice('AUDIT_READS', read('AUDIT_READS') ?? 'batched', ['batched', 'strict']),
    maxBinaryBytes: readMebibytes('MAX_BINARY_MB', read('MAX_BINARY_MB')),
  });
}

function readMebibytes(variable: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new ConfigError(variable, 'expected a whole number of mebibytes from 1');
  return Number(value) * 1024 * 1024;
}

function readChoice<const Choice extends string>(variable: string, value: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new ConfigError(variable, `expected one of ${choices.join(', ')}`);
  return found;
}

function readPort(variable: string, value: string | undefined, byDefault: number): number {
  if (value === undefined) return byDefault;
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw new ConfigError(variable, 'expected a port number from 0 (any free port) to 65535');
  }
  return Number(value);
}

function readUrl(variable: string, value: string | undefined, protocols: string[]): string | undefined {
  if (value === undefined) return undefined;
  const expected = `expected a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  // The parser's own error holds the value, which may hold a password, so it is not passed on as the cause.
  if (!URL.canParse(value)) throw new ConfigError(variable, expected);
  const url = new URL(value);
  if (!protocols.includes(url.protocol) || url.hostname === '') throw new ConfigError(variable, expected);
  return value;
}

function readPublicUrl(variable: string, value: string | undefined): string | undefined {
  const text = readUrl(variable, value, ['http:', 'https:']);
  if (text === undefined) return undefined;
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new ConfigError(variable, 'expected a URL without user, query or fragment');
  }
  return url.href.replace(/\/+$/, '');
}

function readHost(value: string): string {
  if (isIP(value) === 0 && !isDomainName(value)) {
    throw new ConfigError('HOST', 'expected an IP address or a host name');
  }
  return value;
}

function readBaseDomain(value: string): string {
  const domain = value.toLowerCase();
  if (!isDomainName(domain)) throw new ConfigError('BASE_DOMAIN', 'expected a domain name such as fhir.example.org');
  return domain;
}

function isDomainName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text)
  );
}

function readTrustProxy(value: string | undefined): false | number | string {
  if (value === undefined || value === 'off') return false;
  if (/^\d{1,2}$/.test(value)) return Number(value) === 0 ? false : Number(value);
  const entries = value.split(',').map((entry) => entry.trim());
  if (!entries.every(isAddressOrCidr)) {
    throw new ConfigError('TRUST_PROXY', 'expected off, a number of proxies, or a list of IP addresses and CIDRs');
  }
  return entries.join(',');
}

function isAddressOrCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function readMasterKey(value: string | undefined): Buffer | undefined {
  if (value === undefined) return undefined;
  const key = Buffer.from(value, 'base64');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(value) || key.length !== 32) {
    throw new ConfigError('BOXYARD_MASTER_KEY', 'expected 32 bytes in base64 (openssl rand -base64 32)');
  }
  return key;
}

function readEmail(value: string): string {
  if (value.length > 254 || !/^[^\s@]+@[^\s@]+$/.test(value)) {
    throw new ConfigError('BOXYARD_ADMIN_EMAIL', 'expected an e-mail address');
  }
  return value.toLowerCase();
}

function readAdminPassword(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.byteLength(value, 'utf8');
  if (bytes < 8 || bytes > 72) throw new ConfigError('BOXYARD_ADMIN_PASSWORD', 'expected 8 to 72 bytes');
  return value;
}
