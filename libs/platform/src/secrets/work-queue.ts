import { DomainError } from '../errors.js';

export interface WorkQueueLimits {
  readonly atOnce: number;
  /** How many may wait for their turn. */
  readonly waiting: number;
  /** What those are told who find the queue full. */
  readonly retryAfterSeconds: number;
}

/** Lets so many pieces of work run at once; the others wait, in the order in which they came. */
export class WorkQueue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: WorkQueueLimits) {}

  /**
   * Runs `work` when it is its turn and gives what it gives. Throws a DomainError `too-many-requests` at once when as many
   * wait already as may.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.turn();
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The turn is handed on, so that nobody who comes just now gets in between.
      if (next === undefined) this.running--;
      else next();
    }
  }

  private async turn(): Promise<void> {
    const { atOnce, waiting, retryAfterSeconds } = this.limits;
    if (this.running < atOnce) {
      this.running++;
      return;
    }
    if (this.waiting.length >= waiting) {
      throw new DomainError('too-many-requests', 'too-busy', 'Too many requests at the same time. Try again later.', {
        retryAfterSeconds,
      });
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
