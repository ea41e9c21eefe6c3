/**
 * What a project needs to serve a request and does not need while it is idle: its keys, unwrapped, and its tenant
 * database. Built at the first request from the sealed directory entry, and dropped when the project was not used for a
 * while or its entry changed.
 */
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { fhirVersion } from '#fhir';
import { tokenHasher } from '#fhir-search';
import type { FileStorage } from '#files';
import { rehearseLogIn, tenantDatabase, type TenantDatabase } from '#fhir-store';
import { DomainError, type KeyProvider, type Logger, sha256 } from '#platform';
import type { ConnectionBroker, DatabaseTarget } from '#postgres';
import {
  openProjectKey,
  openSigningKey,
  openTenantPassword,
  projectKeys,
  type SealedSigningKey,
  type TenantEntry,
  type TenantPlacement,
} from '#tenancy';
import { BinaryContents } from '../fhir/binary/binary-contents.js';
import { JobTexts } from '../fhir/jobs/job-texts.js';
import { SecondFactorSecrets } from '../auth/mfa/second-factor-secrets.js';
import { StorageLinks } from '../storage/storage-links.js';
import { ServedEntry } from './served-entry.js';

/** Projects whose keys are in memory at a time; the one unused longest gives way. */
const MAX_RUNTIMES = 1_000;
const IDLE_MS = 10 * 60_000;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

export class TenantRuntime {
  private readonly publicKeys = new Map<string, KeyObject>();
  private signing: SigningKey | undefined;
  private factorSecrets: SecondFactorSecrets | undefined;
  private textsOfJobs: JobTexts | undefined;

  constructor(
    private readonly served: ServedEntry,
    readonly database: TenantDatabase,
    readonly binaryContents: BinaryContents,
    readonly storageLinks: StorageLinks,
    /** Says of each line which project it is about. */
    readonly logger: Logger,
    private readonly projectKey: Buffer,
  ) {}

  get entry(): TenantEntry {
    return this.served.current;
  }

  /** Whether it is the runtime of this entry, which may say of the database's schema what its own did not. */
  serves(entry: TenantEntry): boolean {
    return this.served.serves(entry);
  }

  /** The key with which new tokens are signed. */
  signingKey(): SigningKey {
    this.signing ??= this.openSigningKey();
    return this.signing;
  }

  /** The public key of a `kid`; undefined when the project has no such key, or has revoked it. */
  verifyingKey(kid: string): KeyObject | undefined {
    const known = this.publicKeys.get(kid);
    if (known !== undefined) return known;
    const sealed = this.entry.signingKeys.find((key) => key.kid === kid);
    if (sealed === undefined) return undefined;
    const key = createPublicKey({ key: JSON.parse(sealed.publicJwk) as JsonWebKey, format: 'jwk' });
    this.publicKeys.set(kid, key);
    return key;
  }

  /** Seals and opens the secrets of people's second factors. */
  secondFactorSecrets(): SecondFactorSecrets {
    this.factorSecrets ??= new SecondFactorSecrets(projectKeys(this.projectKey).secondFactorKey);
    return this.factorSecrets;
  }

  /** Seals and opens what is asked for and answered later. */
  get jobTexts(): JobTexts {
    this.textsOfJobs ??= new JobTexts(projectKeys(this.projectKey).jobKey);
    return this.textsOfJobs;
  }

  private openSigningKey(): SigningKey {
    const sealed = this.entry.signingKeys.find((key: SealedSigningKey) => key.state === 'signing');
    if (sealed === undefined) throw new Error(`project ${this.entry.projectId} has no signing key`);
    const der = openSigningKey(sealed, this.projectKey);
    return { kid: sealed.kid, privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
  }
}

export interface RuntimeOptions {
  readonly broker: ConnectionBroker;
  readonly keyProvider: KeyProvider;
  /** Where the contents of Binaries are. */
  readonly files: FileStorage;
  readonly logger: Logger;
  /** The base URLs of a project's own FHIR API, by which references to itself are recognised. */
  fhirBasesOf(entry: TenantEntry): readonly string[];
  /** Called when a tenant database cannot be reached where its entry says it is. */
  onUnreachable(): void;
}

export class TenantRuntimes {
  private readonly runtimes = new LRUCache<string, Promise<TenantRuntime>>({
    max: MAX_RUNTIMES,
    ttl: IDLE_MS,
    updateAgeOnGet: true,
    ttlResolution: 1_000,
  });

  constructor(private readonly options: RuntimeOptions) {}

  /** The runtime of exactly this entry; an older entry's is replaced. Concurrent callers share one construction. */
  async of(entry: TenantEntry): Promise<TenantRuntime> {
    const known = await this.runtimes.get(entry.projectId);
    if (known?.serves(entry) === true) return known;
    const building = this.build(entry);
    this.runtimes.set(entry.projectId, building);
    building.catch(() => this.runtimes.delete(entry.projectId));
    return building;
  }

  /** Opens a connection for a project that is about to be put into service: its first request comes within moments. */
  async prepare(placement: TenantPlacement, projectId: string): Promise<void> {
    this.options.broker.prepare(await this.targetOf(placement, projectId), rehearseLogIn);
  }

  /** Forgets the project's keys and closes its connections as they become idle. */
  async drop(projectId: string): Promise<void> {
    this.runtimes.delete(projectId);
    await this.options.broker.closeTenant(`${projectId}:`);
  }

  /** The runtimes that are in memory; one that is still being built may fail. */
  live(): Promise<TenantRuntime>[] {
    return [...this.runtimes.values()];
  }

  get size(): number {
    return this.runtimes.size;
  }

  private async build(entry: TenantEntry): Promise<TenantRuntime> {
    const { placement, schemaVersion } = entry;
    if (placement === undefined || schemaVersion === undefined) {
      throw new DomainError('unavailable', 'project-not-ready', 'This address is being set up. Try again shortly.', {
        retryAfterSeconds: 5,
      });
    }
    const { broker, files, keyProvider } = this.options;
    const projectKey = await openProjectKey(entry, keyProvider);
    const target = await this.targetOf(placement, entry.projectId);
    const { searchKey, cursorKey, fileKey } = projectKeys(projectKey);
    const reported = (error: unknown): never => {
      if (error instanceof DomainError && error.code === 'database-unreachable') this.options.onUnreachable();
      throw error;
    };
    const served = new ServedEntry(entry);
    const database = tenantDatabase({
      projectId: entry.projectId,
      version: fhirVersion(entry.fhirVersion),
      hasher: tokenHasher(searchKey),
      cursorKey,
      get schemaVersion() {
        return served.current.schemaVersion ?? schemaVersion;
      },
      ownBaseUrls: this.options.fhirBasesOf(entry),
      use: (work) => broker.use(target, work).catch(reported),
      share: (work) => broker.share(target, work).catch(reported),
    });
    const contents = new BinaryContents(files, entry.projectId, fileKey);
    const links = new StorageLinks(entry.projectId, fileKey);
    const logger = this.options.logger.child({ projectId: entry.projectId });
    return new TenantRuntime(served, database, contents, links, logger, projectKey);
  }

  private async targetOf(placement: TenantPlacement, projectId: string): Promise<DatabaseTarget> {
    return {
      // A request that began before the placement changed may still open a connection to where it was: under a key of its
      // own, or everybody after it would be served there.
      key: `${projectId}:${sha256(JSON.stringify(placement)).toString('base64url')}`,
      clusterId: placement.clusterId,
      host: placement.host,
      port: placement.port,
      ...(placement.tls === undefined ? {} : { tls: placement.tls }),
      database: placement.database,
      user: placement.role,
      password: await openTenantPassword(placement, this.options.keyProvider),
    };
  }
}
