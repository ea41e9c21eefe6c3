/**
 * A worker in a process of its own, for tests that kill it. It sends itself SIGNAL when the step STEP is at AT
 * ("starting", "performed", "recorded"), of whatever operation it runs.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createLogger, loadConfig } from '../../dist/libs/platform/src/index.js';
import { startWorker } from '../../dist/apps/worker/src/worker.js';

const { STEP, AT, SIGNAL = 'SIGKILL', LEASE_MS, SPARES } = process.env;
const config = loadConfig();
await startWorker(config, createLogger(config, 'worker'), {
  leaseMs: LEASE_MS === undefined ? undefined : Number(LEASE_MS),
  sparesPerCluster: SPARES === undefined ? undefined : Number(SPARES),
  onStep: async ({ step, at }) => {
    if (step !== STEP || at !== AT) return;
    process.kill(process.pid, SIGNAL);
    // A signal to oneself may be delivered a little later; the step must not go on before it is.
    await pause(SIGNAL === 'SIGSTOP' ? 100 : 2 ** 30);
  },
});
