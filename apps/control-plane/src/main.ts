import { ConfigError, createLogger, listenOn, loadConfig, stopOnSignals } from '#platform';
import { openControlPlane } from './open-control-plane.js';

try {
  const config = loadConfig();
  const logger = createLogger(config, 'control-plane');
  const announce = (line: string) => void process.stdout.write(`${line}\n`);
  const app = await openControlPlane({ config, logger, announce });
  stopOnSignals(app, logger);
  const url = await listenOn(app, config.host, config.controlPort, 'CONTROL_PORT');
  logger.info({ url }, `control plane listens on ${url}`);
} catch (error) {
  // A wrong variable is the operator's to mend and needs no stack.
  const text = error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`The control plane cannot start.\n${text}\n`);
  process.exit(1);
}
