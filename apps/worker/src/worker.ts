import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import {
  AuditRepository,
  ClusterRepository,
  DataKeyRepository,
  FleetRepository,
  FleetTarget,
  openClusterLogin,
  openControlDatabase,
  OperationRepository,
  ProjectRepository,
  SigningKeyRepository,
  TenantDatabaseRepository,
  Transactions,
} from '#control-database';
import { fhirVersion, supportedFhirVersions } from '#fhir';
import { LocalFileStorage } from '#files';
import { openOperationQueue } from '#operations';
import {
  type Config,
  ConfigError,
  filesDirectory,
  loadMasterKey,
  type Logger,
  masterKeyProvider,
  systemClock,
} from '#platform';
import { ClusterAdmins } from './clusters/cluster-admins.js';
import { ClusterPreparation } from './clusters/cluster-preparation.js';
import { ExpectedSchemas } from './fleet/expected-schemas.js';
import { schemaChecks } from './fleet/schema-checks.js';
import { lifecycleActions } from './lifecycle/lifecycle-actions.js';
import type { LifecycleServices } from './lifecycle/lifecycle-services.js';
import { runNotifiedOperations } from './lifecycle/notified-operations.js';
import { OperationRunner, type OperationRunnerOptions } from './lifecycle/operation-runner.js';
import { Quiet } from './lifecycle/quiet.js';
import { duePurges } from './reconcilers/due-purges.js';
import { orphans } from './reconcilers/orphans.js';
import { otherTemplates } from './reconcilers/other-templates.js';
import { ReconcilerLoop } from './reconcilers/reconciler.js';
import { runnableOperations } from './reconcilers/runnable-operations.js';
import { spareDatabases } from './reconcilers/spare-databases.js';
import { startRollouts } from './rollouts/start-rollouts.js';
import { FleetSchema } from './tenant-databases/fleet-schema.js';
import { SpareConnections } from './tenant-databases/spare-connections.js';
import { SpareStock } from './tenant-databases/spare-stock.js';
import { TenantDatabaseBuilder } from './tenant-databases/tenant-database-builder.js';
import { TenantDatabaseRemover } from './tenant-databases/tenant-database-remover.js';

export interface Worker {
  /** Rejects when the worker cannot do its work now. */
  ready(): Promise<void>;
  /** Takes nothing new, waits for the operations that run, closes every connection. */
  close(): Promise<void>;
}

export interface WorkerOptions extends Partial<Pick<OperationRunnerOptions, 'actions' | 'leaseMs' | 'onStep'>> {
  sparesPerCluster?: number;
}

/**
 * Starts a worker: from now on it runs operations when it is woken and when a reconciler finds them, and keeps the
 * clusters as they should be. Waits for the schema of the control database. It comes up also when a cluster is away, but
 * not when the fleet is to have a schema that this release does not know.
 */
export async function startWorker(config: Config, logger: Logger, options: WorkerOptions = {}): Promise<Worker> {
  const { databaseUrl, redisUrl } = config;
  if (databaseUrl === undefined) throw new ConfigError('DATABASE_URL', 'expected the URL of the control database');
  const workerId = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const keyProvider = masterKeyProvider(loadMasterKey(config));
  const dataSource = await openControlDatabase(config, { migrate: false });
  const schema = await openSchema(dataSource, logger);
  const undurable = await openControlDatabase(
    { databaseUrl: withoutWaitingForDisk(databaseUrl) },
    { migrate: false, maxConnections: maxUndurableConnections },
  );

  const dataKeys = new DataKeyRepository(dataSource);
  const admins = new ClusterAdmins(databaseUrl, (cluster) => openClusterLogin(cluster, dataKeys, keyProvider));
  const clusters = new ClusterRepository(dataSource);
  const tenantDatabases = new TenantDatabaseRepository(dataSource);
  const operations = new OperationRepository(dataSource);
  const projects = new ProjectRepository(dataSource);
  const transactions = new Transactions(dataSource);
  const preparation = new ClusterPreparation(clusters, admins, databaseUrl, schema, logger);
  const spareConnections = new SpareConnections();
  const builder = new TenantDatabaseBuilder({
    tenantDatabases,
    keyProvider,
    admins,
    preparation,
    spareConnections,
    schema,
  });
  const remover = new TenantDatabaseRemover({ tenantDatabases, clusters, dataKeys, transactions, admins });
  const services: LifecycleServices = {
    projects,
    operations,
    tenantDatabases,
    signingKeys: new SigningKeyRepository(dataSource),
    dataKeys,
    clusters,
    transactions,
    undurable: { operations: new OperationRepository(undurable), transactions: new Transactions(undurable) },
    keyProvider,
    admins,
    preparation,
    spareConnections,
    schema,
    builder,
    remover,
    files: await LocalFileStorage.open(filesDirectory(config)),
    clock: systemClock,
    logger,
  };

  const quiet = new Quiet();
  const runner = new OperationRunner({ actions: lifecycleActions, ...options, services, workerId });
  const stock = new SpareStock({
    tenantDatabases,
    preparation,
    builder,
    admins,
    connections: spareConnections,
    remover,
    schema,
    logger,
    quiet,
    ...(options.sparesPerCluster === undefined ? {} : { sparesPerCluster: options.sparesPerCluster }),
  });
  const loop = (reconciler: ConstructorParameters<typeof ReconcilerLoop>[0]) => new ReconcilerLoop(reconciler, logger);
  const spares = loop(spareDatabases(stock));
  const run = async (operationId: string): Promise<void> => {
    // It may need a database that only a worker of the fleet's own release can make.
    if (schema.isOutdated) return;
    await quiet.during(() => runner.run(operationId));
    spares.wakeIn(lookAtSparesAfterMs);
  };
  const runnable = loop(runnableOperations(operations, run, logger));
  const audit = new AuditRepository(dataSource);
  const purges = loop(
    duePurges({ projects, operations, audit, transactions, workerId, onQueued: () => runnable.wake() }),
  );
  const rollouts = await startRollouts({
    config: { ...config, databaseUrl },
    dataSource,
    undurable,
    admins,
    keyProvider,
    steps: schema.steps,
    logger,
    workerId,
  });
  const checks = schemaChecks({
    fleet: new FleetRepository(dataSource),
    ...{ clusters, tenantDatabases, admins, logger },
    expected: new ExpectedSchemas(admins, schema),
    steps: schema.steps,
  });
  const loops = [
    runnable,
    loop(checks),
    loop(rollouts.reconciler),
    spares,
    purges,
    loop(orphans({ tenantDatabases, preparation, admins, logger })),
    loop(otherTemplates({ tenantDatabases, preparation, schema, logger })),
  ];

  // Whoever waits for this worker then finds the projects where the clusters are.
  await preparation.list();
  warmUp();
  const notified = await runNotifiedOperations(databaseUrl, run, (error) =>
    logger.warn({ err: error }, 'notified operations'),
  );
  const queue = await openOperationQueue({
    databaseUrl,
    redisUrl,
    onError: (error) => logger.warn({ err: error }, 'operation queue'),
  });
  await queue.onWake(run);
  for (const each of loops) each.wake();
  logger.info({ worker: workerId, queue: redisUrl === undefined ? 'postgresql' : 'redis' }, 'worker started');

  return {
    ready: async () => void (await schema.target()),
    close: async () => {
      await notified.close();
      await queue.close();
      await Promise.all([runner.close(), rollouts.close(), ...loops.map((each) => each.close())]);
      await spareConnections.close();
      await admins.close();
      await undurable.destroy();
      await dataSource.destroy();
    },
  };
}

/** After a project is made its first requests come; how many spares are left is of no interest to them. */
const lookAtSparesAfterMs = 50;

/** Enough for the steps of all operations that one process runs: recording one takes a millisecond or two. */
const maxUndurableConnections = 4;

async function openSchema(
  controlDatabase: Awaited<ReturnType<typeof openControlDatabase>>,
  logger: Logger,
): Promise<FleetSchema> {
  try {
    return await FleetSchema.open(new FleetTarget(controlDatabase), logger);
  } catch (error) {
    await controlDatabase.destroy();
    throw error;
  }
}

function withoutWaitingForDisk(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const options = [url.searchParams.get('options'), '-c synchronous_commit=off'];
  url.searchParams.set('options', options.filter((option) => option !== null).join(' '));
  return url.href;
}

/** Compiles now what the first project would otherwise wait for. */
function warmUp(): void {
  for (const { id } of supportedFhirVersions()) fhirVersion(id).warm(seededTypes);
}

const seededTypes = ['Project', 'ClientApplication', 'ProjectMembership', 'User', 'Practitioner'];
