import { createLogger, loadConfig } from '#platform';
import { launch } from './launch.js';

/** Status 0 after a stop that was asked for, 1 with a message otherwise. */
async function main(): Promise<number> {
  const stopRequested = new Promise<void>((resolve) => {
    // They stay for good: a second Ctrl-C must not cut the clean stop short.
    process.on('SIGINT', () => resolve());
    process.on('SIGTERM', () => resolve());
  });
  try {
    const config = loadConfig();
    await launch(config, createLogger(config, 'boxyard'), stopRequested);
    process.stdout.write('Boxyard has stopped.\n');
    return 0;
  } catch (error) {
    process.stderr.write(`\nBoxyard cannot run.\n${(error as Error).message}\n`);
    return 1;
  }
}

process.exit(await main());
