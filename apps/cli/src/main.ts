import { runCli } from './run-cli.js';

const interruption = new AbortController();
const { stdout, stderr, stdin } = process;
// A second Ctrl-C ends the process at once, as everywhere.
process.once('SIGINT', () => interruption.abort());
process.once('SIGTERM', () => interruption.abort());
// Whoever reads us has seen enough, as `head` does.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

// The status is set instead of exiting, so that a pipe gets all that was written to it.
process.exitCode = await runCli(process.argv.slice(2), {
  // The servers' configuration is none of this program's: it has three variables of its own.
  // eslint-disable-next-line no-restricted-syntax
  env: process.env,
  ...{ stdin, stdout, stderr },
  now: () => new Date(),
  interrupted: interruption.signal,
});
