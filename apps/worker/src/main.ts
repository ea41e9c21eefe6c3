import 'reflect-metadata';
import { ConfigError, createHttpApp, createLogger, listenOn, loadConfig, stopOnSignals } from '#platform';
import { AppModule } from './app.module.js';
import { giveWay } from './give-way.js';
import { startWorker } from './worker.js';

/** Ends with status 1 and a message when the worker cannot start; stops cleanly on SIGTERM and SIGINT. */
async function main(): Promise<void> {
  giveWay();
  const config = loadConfig();
  const logger = createLogger(config, 'worker');
  const worker = await startWorker(config, logger);
  const app = await createHttpApp(AppModule.for(worker), { config, logger, app: 'worker' });
  stopOnSignals(app, logger);
  try {
    const url = await listenOn(app, config.host, config.workerPort, 'WORKER_PORT');
    logger.info({ url }, 'worker listens');
  } catch (error) {
    await app.close();
    throw error;
  }
}

main().catch((error: unknown) => {
  const message = error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`The worker cannot run.\n${message}\n`);
  process.exit(1);
});
