import { createLogger, loadConfig } from '#platform';
import { startDataPlane } from './start-data-plane.js';

try {
  const config = loadConfig();
  await startDataPlane(config, createLogger(config, 'data-plane'));
} catch (error) {
  process.stderr.write(`The data plane cannot start: ${(error as Error).message}\n`);
  process.exit(1);
}
