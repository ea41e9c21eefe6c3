/** Everything a process reads from its environment, checked and typed. Built by `loadConfig` alone, and frozen. */
export interface Config {
  /** Absolute path of the folder for the embedded database, backups and generated keys. */
  readonly dataDir: string;
  /** The control database; unset means the embedded PostgreSQL. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly host: string;
  readonly controlPort: number;
  readonly dataPort: number;
  readonly workerPort: number;
  /** Project base URLs are `<slug>.<baseDomain>`. */
  readonly baseDomain: string;
  /** How clients reach the planes when that is not the listening address; without a trailing slash. */
  readonly publicDataUrl?: string;
  readonly publicControlUrl?: string;
  /** Proxies whose `X-Forwarded-*` count: none, a number of hops, or a comma-separated list of addresses and CIDRs. */
  readonly trustProxy: false | number | string;
  /** 32 bytes. Unset: see `loadMasterKey`. */
  readonly masterKey?: Buffer;
  readonly adminEmail: string;
  readonly adminPassword?: string;
  readonly logLevel: string;
  readonly logFormat: 'pretty' | 'json';
  /** Whether projects also answer under `/p/<slug>/` of the data plane. */
  readonly pathRouting: boolean;
  /** When an answer goes out: at once, or when its entry in the audit is written (`strict`). Unset: at once. */
  readonly auditReads?: 'batched' | 'strict';
  /** The longest content that a Binary may have; unset: the data plane's own limit. */
  readonly maxBinaryBytes?: number;
}

/** A variable that stops the start. The message names it and what is expected, never the value it has. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(
    readonly variable: string,
    readonly expected: string,
    options?: { cause?: unknown },
  ) {
    super(`${variable}: ${expected}`, options);
  }
}
