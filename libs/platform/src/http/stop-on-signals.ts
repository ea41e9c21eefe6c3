import type { Logger } from '../logging.js';

const stopDeadlineMs = 15_000;

/**
 * Closes the app and ends the process with status 0 on SIGTERM, on SIGINT, and when the launcher that started this
 * process is gone (its IPC channel closes, even if it was killed). Requests in flight are finished; what is not
 * finished after 15 s is cut and the status is 1. It is for the main file of a process: it listens for good.
 */
export function stopOnSignals(app: { close(): Promise<void> }, logger: Logger): void {
  let stopping = false;
  const stop = (reason: string) => {
    // Ctrl-C reaches the whole process group and the launcher also asks each child, so a second request is normal.
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'stopping');
    const deadline = setTimeout(() => {
      logger.error(`not stopped after ${stopDeadlineMs / 1000} s, giving up`);
      process.exit(1);
    }, stopDeadlineMs);
    app.close().then(
      () => {
        clearTimeout(deadline);
        logger.info('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        logger.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  const onLauncherGone = () => stop('the launcher is gone');
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', onLauncherGone);
  // The listener alone would keep an otherwise finished process alive.
  process.channel?.unref();
  // False, unlike undefined: there was a channel, and it closed while the app was being made.
  if (process.connected === false) onLauncherGone();
}
