import { Counter } from 'prom-client';
import { type Logger, metrics } from '#platform';

/**
 * Makes what is equal to what should be. It takes no input, so it does not matter why it runs, how often, or what was
 * missed before: it looks, and repairs what it finds.
 */
export interface Reconciler {
  readonly name: string;
  /** How long after the end of one run the next one starts, if nothing wakes it earlier. */
  readonly everyMs: number;
  /** Once `stopping` is aborted, it begins nothing more that may take long. */
  run(stopping: AbortSignal): Promise<void>;
}

const failures = new Counter({
  name: 'boxyard_reconciler_failures_total',
  help: 'Runs of reconcilers that failed, by reconciler.',
  labelNames: ['reconciler'],
  registers: [metrics],
});

/** Logs and counts what a reconciler could not do and will try again. */
export function reportFailure(reconciler: string, error: unknown, logger: Logger): void {
  failures.inc({ reconciler });
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error];
  for (const cause of causes) logger.error({ err: cause, reconciler }, 'reconciler failed, it will run again');
}

/** Runs one reconciler at once, then on its timer and whenever it is woken; never twice at the same time. */
export class ReconcilerLoop {
  private timer: NodeJS.Timeout | undefined;
  /** When the timer ends; never while it does not run. */
  private nextAt = Infinity;
  private running: Promise<void> | undefined;
  private wokenWhileRunning = false;
  private readonly stopping = new AbortController();

  constructor(
    private readonly reconciler: Reconciler,
    private readonly logger: Logger,
  ) {}

  /** Lets it run now, or once more when it is running: what woke it may have come too late for the run under way. */
  wake(): void {
    if (this.stopping.signal.aborted) return;
    if (this.running) {
      this.wokenWhileRunning = true;
      return;
    }
    clearTimeout(this.timer);
    this.nextAt = Infinity;
    this.running = this.runOnce().finally(() => {
      this.running = undefined;
      this.next();
    });
  }

  /** As `wake`, after a moment. One that is to run earlier stays as it is. */
  wakeIn(delayMs: number): void {
    if (this.stopping.signal.aborted || this.running) return this.wake();
    const at = performance.now() + delayMs;
    if (at > this.nextAt) return;
    this.sleepUntil(at);
  }

  /** Stops the timer, tells the run under way, and waits for it. */
  async close(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private async runOnce(): Promise<void> {
    this.wokenWhileRunning = false;
    try {
      await this.reconciler.run(this.stopping.signal);
    } catch (error) {
      reportFailure(this.reconciler.name, error, this.logger);
    }
  }

  private next(): void {
    if (this.stopping.signal.aborted) return;
    if (this.wokenWhileRunning) this.wake();
    else this.sleepUntil(performance.now() + this.reconciler.everyMs);
  }

  private sleepUntil(at: number): void {
    clearTimeout(this.timer);
    this.nextAt = at;
    this.timer = setTimeout(() => this.wake(), at - performance.now());
  }
}
