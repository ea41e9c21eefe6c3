/**
 * A worker of rollouts in a process of its own, for tests that kill it. It sends itself SIGKILL at the moment AT
 * ("claimed", "begun", "migrated", …) when that has come COUNT times. MIGRATIONS names a file with the synthetic
 * migrations behind those of the release. Uses the built worker: `npm run build` first.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createLogger, loadConfig, masterKeyProvider } from '../../dist/libs/platform/src/index.js';
import { openControlDatabase } from '../../dist/libs/control-database/src/index.js';
import { schemaSteps } from '../../dist/libs/tenant-schema/src/index.js';
import { tenantMigrations } from '../../dist/migrations/tenant/index.js';
import { ClusterAdmins } from '../../dist/apps/worker/src/clusters/cluster-admins.js';
import { ReconcilerLoop } from '../../dist/apps/worker/src/reconcilers/reconciler.js';
import { startRollouts } from '../../dist/apps/worker/src/rollouts/start-rollouts.js';

const { AT, COUNT = '1', MIGRATIONS, LEASE_MS } = process.env;
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
const logger = createLogger({ ...config, logLevel: 'silent' }, 'worker');
const dataSource = await openControlDatabase(config, { migrate: false });
let left = Number(COUNT);
const rollouts = await startRollouts({
  config,
  dataSource,
  undurable: dataSource,
  admins: new ClusterAdmins(config.databaseUrl),
  keyProvider: masterKeyProvider(randomBytes(32)),
  steps: await schemaSteps([...tenantMigrations, ...synthetic]),
  logger,
  workerId: `child:${process.pid}`,
  leaseMs: LEASE_MS === undefined ? undefined : Number(LEASE_MS),
  onMoment: async ({ at }) => {
    if (at !== AT || --left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  },
});
new ReconcilerLoop(rollouts.reconciler, logger).wake();
process.stdout.write('running\n');
