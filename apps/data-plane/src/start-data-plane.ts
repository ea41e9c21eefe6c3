/**
 * Opens a data plane: directory of tenants, connections, keys, HTTP. Everything that is opened here is closed by
 * `Shutdown`, also when a later part fails to open.
 */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  ClusterRepository,
  CONNECTION_SHARE_CHANNEL,
  ConnectionShareRepository,
  openControlDatabase,
  ProjectRepository,
  ProjectTrafficRepository,
} from '#control-database';
import { badRequest } from '#fhir';
import { ReadAudit, servesSchema } from '#fhir-store';
import { LocalFileStorage } from '#files';
import {
  filesDirectory,
  type Config,
  ConfigError,
  createHttpApp,
  listenOn,
  loadMasterKey,
  type Logger,
  masterKeyProvider,
  systemClock,
} from '#platform';
import { ConnectionBroker } from '#postgres';
import {
  followAnnouncements,
  projectDirectorySource,
  publicAddress,
  refusalOf,
  TenantDirectory,
  TenantRouter,
} from '#tenancy';
import { DataPlaneModule } from './app.module.js';
import { SessionCache } from './auth/session-cache.js';
import { publicFetch } from './auth/token/fetch-public.js';
import { DataPlaneLogger } from './data-plane-logger.js';
import { OnBehalfOf } from './admin/on-behalf-of.js';
import { AsyncJobs } from './fhir/jobs/async-jobs.js';
import { BinaryLimits } from './fhir/binary/binary-limits.js';
import { acceptRawUploads } from './fhir/binary/raw-upload.js';
import { awaitAudit } from './fhir/strict-audit.js';
import { negotiateRepresentation } from './fhir/negotiate-representation.js';
import { refuseEncodedBodies } from './http/plain-bodies.js';
import { rewriteRequest } from './http/request-target.js';
import { FileMail } from './mail/file-mail.js';
import { showMetrics } from './metrics.js';
import { Shutdown } from './shutdown.js';
import { FileSweeps } from './storage/file-sweeps.js';
import { BaseUrls } from './tenant/base-urls.js';
import { connectionCap } from './tenant/connection-cap.js';
import { ConnectionShares } from './tenant/connection-shares.js';
import { routeRequests } from './tenant/route-requests.js';
import { TenantRuntimes } from './tenant/tenant-runtime.js';
import { UnservedSchemas } from './tenant/unserved-schemas.js';
import { countTraffic } from './traffic/count-traffic.js';
import { TrafficCounters } from './traffic/traffic-counters.js';
import { TrafficRecorder } from './traffic/traffic-recorder.js';

export interface DataPlane {
  /** Where it listens. */
  readonly url: string;
  /** Finishes the requests in flight, writes what is queued, and closes every connection. SIGTERM does the same. */
  close(): Promise<void>;
}

export interface DataPlaneOptions {
  /** The newest tenant schema that this process knows, in place of its release's: for tests with two releases. */
  readonly tenantSchema?: number;
  /** How often jobs that were left are looked for, in milliseconds: for tests that wait for it. */
  readonly lookAfterJobsEveryMs?: number;
}

const MAX_CONTROL_CONNECTIONS = 2;
/** What a data plane asks of the control database is small; one that is silent for so long has gone. */
const CONTROL_ANSWER_MS = 10_000;
/** A Bundle of some ten thousand small resources. */
const BODY_LIMIT_BYTES = 20 * 1024 * 1024;
/** The directory is read every second; one this old has lost its control database. */
const READY_STALE_MS = 5_000;

const BODY_TYPES = [
  'application/fhir+json',
  'application/json',
  'application/graphql',
  'application/json-patch+json',
  'application/x-www-form-urlencoded',
];

/** Resolves when requests are answered. Rejects, with everything closed again, when a part cannot be opened. */
export async function startDataPlane(
  config: Config,
  logger: Logger,
  options: DataPlaneOptions = {},
): Promise<DataPlane> {
  const shutdown = new Shutdown();
  try {
    return await open(config, logger, shutdown, options);
  } catch (error) {
    await shutdown.onApplicationShutdown();
    throw error;
  }
}

async function open(
  config: Config,
  logger: Logger,
  shutdown: Shutdown,
  { tenantSchema, lookAfterJobsEveryMs }: DataPlaneOptions,
): Promise<DataPlane> {
  const { databaseUrl } = config;
  if (databaseUrl === undefined) throw new ConfigError('DATABASE_URL', 'expected the URL of the control database');

  const controlDatabase = await openControlDatabase(config, {
    migrate: false,
    maxConnections: MAX_CONTROL_CONNECTIONS,
    answerWithinMs: CONTROL_ANSWER_MS,
  });
  shutdown.add(() => controlDatabase.destroy());
  const source = projectDirectorySource(new ProjectRepository(controlDatabase), (has) =>
    servesSchema(has, tenantSchema),
  );
  const directory = await TenantDirectory.open({ source, clock: systemClock, logger });
  shutdown.add(() => directory.close());

  const replica = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const maxConnections = await connectionCap(new ClusterRepository(controlDatabase), databaseUrl);
  const broker = new ConnectionBroker({ maxConnections, perTenantWithRoom: 4 });
  const shares = new ConnectionShares({
    shares: new ConnectionShareRepository(controlDatabase),
    broker,
    replica,
    logger,
  });
  shutdown.add(() => shares.close());
  shutdown.add(() => broker.close());
  const announcements = await followAnnouncements(directory, {
    databaseUrl,
    redisUrl: config.redisUrl,
    logger,
    alsoOn: new Map([[CONNECTION_SHARE_CHANNEL, (other) => shares.announced(other)]]),
  });
  shutdown.add(() => announcements.close());
  await shares.open();
  const audit = new ReadAudit({
    onFailure: (projectId, error, lost) =>
      logger.error({ projectId, lost, err: error }, 'audit entries could not be written'),
    onUpkeep: (projectId) => jobs.isInUse(projectId),
  });
  shutdown.add(() => audit.flush());

  const baseUrls = new BaseUrls({
    baseDomain: config.baseDomain,
    pathRouting: config.pathRouting,
    fixed: config.publicDataUrl === undefined ? undefined : publicAddress(config.publicDataUrl),
  });
  const runtimes = new TenantRuntimes({
    broker,
    keyProvider: masterKeyProvider(loadMasterKey(config)),
    files: await LocalFileStorage.open(filesDirectory(config)),
    logger,
    fhirBasesOf: (entry) => baseUrls.fhirBasesOf(entry),
    onUnreachable: () => directory.doubted(),
  });
  const jobs = new AsyncJobs({
    directory,
    runtimes,
    audit,
    onBehalfOf: new OnBehalfOf(),
    awaitsAudit: config.auditReads === 'strict',
    baseUrls,
    logger,
    ...(lookAfterJobsEveryMs === undefined ? {} : { lookEveryMs: lookAfterJobsEveryMs }),
  });
  jobs.start();
  shutdown.add(() => jobs.close());
  const sweeps = new FileSweeps({ runtimes, clock: systemClock, logger });
  sweeps.start();
  shutdown.add(() => sweeps.close());
  const sessions = new SessionCache();
  followPlaces(directory, runtimes, logger);
  const unserved = new UnservedSchemas(directory, logger);
  shutdown.add(showMetrics({ broker, directory, runtimes, sessions, unserved }));

  const counters = new TrafficCounters();
  const recorder = new TrafficRecorder({
    counters,
    traffic: new ProjectTrafficRepository(controlDatabase),
    replica,
    logger,
  });
  recorder.start();
  shutdown.add(() => recorder.close());

  const mail = new FileMail(join(config.dataDir, 'mail'));
  shutdown.add(() => mail.close());

  const module = DataPlaneModule.forRoot({
    health: { ready: async () => assertFresh(directory) },
    logger: new DataPlaneLogger(logger),
    runtimes,
    sessions,
    baseUrls,
    audit,
    jobs,
    binaryLimits: new BinaryLimits(config.maxBinaryBytes),
    mail,
    fetchText: publicFetch({ allowPrivate: isDevelopmentDomain(config.baseDomain) }),
    shutdown,
  });
  const publicHost = config.publicDataUrl === undefined ? {} : { publicHost: new URL(config.publicDataUrl).hostname };
  const router = new TenantRouter(directory, { baseDomain: config.baseDomain, ...publicHost });
  const app = await createHttpApp(module, {
    config,
    logger,
    app: 'data-plane',
    bodyLimitBytes: BODY_LIMIT_BYTES,
    rewriteUrl: (request) => rewriteRequest(request, config.pathRouting),
    configureFastify: (fastify) => {
      routeRequests(fastify, { router, directory, baseUrls });
      countTraffic(fastify, counters);
      refuseEncodedBodies(fastify);
      negotiateRepresentation(fastify);
      acceptRawUploads(fastify);
      if (config.auditReads === 'strict') awaitAudit(fastify, audit);
    },
  });
  readBodiesAsText(app);
  const url = await listenOn(app, config.host, config.dataPort, 'DATA_PORT');
  baseUrls.listensAt(publicAddress(url));
  logger.info({ url, projects: directory.size }, 'the data plane is listening');
  return { url, close: () => app.close() };
}

/**
 * Whether projects are below a name that nobody can have on the internet (RFC 6761): such a platform is on a developer's own
 * machine, and so are the servers of its clients.
 */
function isDevelopmentDomain(baseDomain: string): boolean {
  return /(?:^|\.)(?:localhost|test)$/.test(baseDomain);
}

/** Bodies stay text: what is stored is what was sent. JSON is UTF-8 (RFC 8259 section 8.1), and nothing else is guessed. */
function readBodiesAsText(app: NestFastifyApplication): void {
  app.getHttpAdapter().getInstance().removeContentTypeParser('text/plain');
  for (const type of BODY_TYPES) {
    app.useBodyParser(type, { bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) => {
      if (isUtf8(body)) done(null, body.toString('utf8'));
      else done(badRequest('The body is not valid UTF-8.', { code: 'structure' }), undefined);
    });
  }
}

/**
 * A project that moved, stopped or went away gives back its connections; its keys leave the memory. One that has just
 * got its first database is about to be used.
 */
function followPlaces(directory: TenantDirectory, runtimes: TenantRuntimes, logger: Logger): void {
  directory.onChange((before, after) => {
    if (before === undefined) return;
    const { projectId } = before;
    const report = (what: string) => (error: unknown) => logger.error({ projectId, err: error }, what);
    if (before.state === 'provisioning' && before.placement === undefined && after?.placement !== undefined) {
      runtimes.prepare(after.placement, projectId).catch(report('a connection could not be opened ahead'));
      return;
    }
    const moved = JSON.stringify(before.placement) !== JSON.stringify(after?.placement);
    const isOther = after?.state !== before.state || after.readOnly !== before.readOnly;
    const stopped = after === undefined || (isOther && refusalOf(after, 'read') !== undefined);
    if (moved || stopped) runtimes.drop(projectId).catch(report('connections could not be closed'));
  });
}

function assertFresh(directory: TenantDirectory): void {
  const { staleForMs } = directory;
  if (staleForMs > READY_STALE_MS) throw new Error(`The control database has not answered for ${staleForMs} ms.`);
}
