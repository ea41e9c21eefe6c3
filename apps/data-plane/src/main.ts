import { setFlagsFromString } from 'node:v8';
import { createLogger, loadConfig, stopOnSignals } from '#platform';
import { startDataPlane } from './start-data-plane.js';

// By default V8 lets the heap of a large machine grow to four times what is in use before it looks for garbage. Measured
// with the import of 60,000 resources: 400 MiB instead of 270, for the same number of requests per second.
setFlagsFromString('--heap-growing-percent=100');

try {
  const config = loadConfig();
  const logger = createLogger(config, 'data-plane');
  stopOnSignals(await startDataPlane(config, logger), logger);
} catch (error) {
  process.stderr.write(`The data plane cannot start: ${(error as Error).message}\n`);
  process.exit(1);
}
