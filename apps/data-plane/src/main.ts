import { createLogger, loadConfig, stopOnSignals } from '#platform';
import { startDataPlane } from './start-data-plane.js';

try {
  const config = loadConfig();
  const logger = createLogger(config, 'data-plane');
  stopOnSignals(await startDataPlane(config, logger), logger);
} catch (error) {
  process.stderr.write(`The data plane cannot start: ${(error as Error).message}\n`);
  process.exit(1);
}
