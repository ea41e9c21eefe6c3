/**
 * A worker of rollouts in a process of its own, for tests that kill it. It sends itself SIGKILL at the moment AT
 * ("claimed", "begun", "migrated", …) when that has come COUNT times, and blocks its event loop for a while at SIGUSR2.
 * MIGRATIONS names a file with the synthetic migrations behind those of the release. With JOBS it also runs operations, as
 * a worker does.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createLogger, loadConfig, masterKeyProvider } from '../../dist/libs/platform/src/index.js';
import { openControlDatabase, OperationRepository, Transactions } from '../../dist/libs/control-database/src/index.js';
import { runStatement } from '../../dist/libs/control-database/src/connection/statements.js';
import { openOperationQueue } from '../../dist/libs/operations/src/index.js';
import { schemaSteps } from '../../dist/libs/tenant-schema/src/index.js';
import { tenantMigrations } from '../../dist/migrations/tenant/index.js';
import { ClusterAdmins } from '../../dist/apps/worker/src/clusters/cluster-admins.js';
import { lifecycleAction, step } from '../../dist/apps/worker/src/lifecycle/lifecycle-action.js';
import { runNotifiedOperations } from '../../dist/apps/worker/src/lifecycle/notified-operations.js';
import { OperationRunner } from '../../dist/apps/worker/src/lifecycle/operation-runner.js';
import { ReconcilerLoop } from '../../dist/apps/worker/src/reconcilers/reconciler.js';
import { runnableOperations } from '../../dist/apps/worker/src/reconcilers/runnable-operations.js';
import { startRollouts } from '../../dist/apps/worker/src/rollouts/start-rollouts.js';

const { AT, COUNT = '1', MIGRATIONS, LEASE_MS, JOBS } = process.env;
const synthetic = JSON.parse(readFileSync(MIGRATIONS, 'utf8')).map(
  ({ statements, phase = 'expand', ...rest }) =>
    class {
      constructor() {
        Object.assign(this, { phase }, rest);
      }
      async up(runner) {
        for (const statement of statements) await runner.query(statement);
      }
    },
);
const config = loadConfig();
const logger = createLogger({ ...config, logLevel: process.env.LOG_LEVEL ?? 'silent' }, 'worker');
const dataSource = await openControlDatabase(config, { migrate: false });
// As a worker has it: a crash of the server may take back what was written here last.
const withoutDisk = new URL(config.databaseUrl);
withoutDisk.searchParams.set('options', '-c synchronous_commit=off');
const undurable = await openControlDatabase({ databaseUrl: withoutDisk.href }, { migrate: false, maxConnections: 4 });
const workerId = `child:${process.pid}`;
const leaseMs = LEASE_MS === undefined ? undefined : Number(LEASE_MS);
let left = Number(COUNT);

/** Each operation writes a row into `job_log`, in the transaction that ends it. */
async function startJobs() {
  const services = {
    ...{ operations: new OperationRepository(dataSource), transactions: new Transactions(dataSource), logger },
    undurable: { operations: new OperationRepository(undurable), transactions: new Transactions(undurable) },
  };
  const record = ({ operationId }, transaction) =>
    runStatement(dataSource, transaction, 'INSERT INTO job_log (operation_id) VALUES ($1)', [operationId]);
  const action = lifecycleAction('project.delete', [step('log', { record })], {
    afterLastAttempt: 'persist',
    giveUp: async () => undefined,
  });
  const runner = new OperationRunner({ services, actions: { [action.kind]: action }, workerId, leaseMs });
  const run = (operationId) => runner.run(operationId);
  const ignore = () => undefined;
  await runNotifiedOperations(config.databaseUrl, run, ignore);
  const { databaseUrl, redisUrl } = config;
  const queue = await openOperationQueue({ databaseUrl, redisUrl, onError: ignore });
  await queue.onWake(run);
  new ReconcilerLoop(runnableOperations(services.operations, run, logger), logger).wake();
}

process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500 + 2_500 * Math.random()));
const rollouts = await startRollouts({
  config,
  dataSource,
  undurable,
  admins: new ClusterAdmins(config.databaseUrl),
  keyProvider: masterKeyProvider(randomBytes(32)),
  steps: await schemaSteps([...tenantMigrations, ...synthetic]),
  logger,
  workerId,
  leaseMs,
  onMoment: async ({ at }) => {
    if (at !== AT || --left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  },
});
new ReconcilerLoop(rollouts.reconciler, logger).wake();
if (JOBS !== undefined) await startJobs();
process.stdout.write('running\n');
