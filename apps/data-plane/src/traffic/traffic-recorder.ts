import type { ProjectTrafficRepository } from '#control-database';
import type { Logger } from '#platform';
import type { TrafficCounters } from './traffic-counters.js';

const FLUSH_EVERY_MS = 5_000;
/** Of one statement. */
const MAX_ROWS = 1_000;

interface TrafficRecorderOptions {
  readonly counters: TrafficCounters;
  readonly traffic: Pick<ProjectTrafficRepository, 'record'>;
  /** Names this process among the data planes. */
  readonly replica: string;
  readonly logger: Logger;
}

/**
 * Writes the counters to the control database every five seconds, one statement for all projects that had traffic. Requests
 * never wait for it, and while it fails the counters keep what they can.
 */
export class TrafficRecorder {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private failing = false;

  constructor(private readonly options: TrafficRecorderOptions) {}

  start(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_EVERY_MS).unref();
  }

  /** Stops, and writes what is left. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
    await this.flush();
  }

  /** Writes what has changed. Never rejects: what fails is logged once per outage and written by the next turn. */
  flush(): Promise<void> {
    this.running ??= this.write().finally(() => (this.running = undefined));
    return this.running;
  }

  private async write(): Promise<void> {
    const { counters, traffic, replica, logger } = this.options;
    try {
      for (let batch = counters.unrecorded(MAX_ROWS); batch !== undefined; batch = counters.unrecorded(MAX_ROWS)) {
        await traffic.record(replica, batch.served);
        batch.recorded();
        if (batch.served.length < MAX_ROWS) break;
      }
      this.failing = false;
    } catch (error) {
      if (!this.failing) logger.warn({ err: error }, 'the traffic of projects cannot be recorded; it is tried again');
      this.failing = true;
    }
  }
}
