import { DomainError } from '../errors.js';

export interface WorkQueueLimits {
  readonly atOnce: number;
  /** How many may wait for their turn with one key. */
  readonly waitingPerKey: number;
  /** How many may wait with all keys together; beyond that, each key without anybody in its line lets one in. */
  readonly waiting: number;
  /** What those are told who find the queue full. */
  readonly retryAfterSeconds: number;
}

/**
 * Lets so many pieces of work run at once; the others wait. Each key has a line of its own, in the order in which its work
 * came, and the keys are served in turns: whoever floods the queue under one key waits behind that flood alone. A key in
 * whose line nobody waits always has a place, so that floods under many keys shut nobody else out; keys are therefore
 * to be of a limited number.
 */
export class WorkQueue {
  private running = 0;
  private waiting = 0;
  /** The lines in which somebody waits; the first one is served next, and goes to the end if somebody is left in it. */
  private readonly lines = new Map<string, (() => void)[]>();

  constructor(private readonly limits: WorkQueueLimits) {}

  /**
   * Runs `work` when it is its turn and gives what it gives. Throws a DomainError `too-many-requests` at once when as many
   * wait already with this key as may, or somebody does and as many wait at all as may.
   */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    await this.turn(key);
    try {
      return await work();
    } finally {
      const next = this.next();
      // The turn is handed on, so that nobody who comes just now gets in between.
      if (next === undefined) this.running--;
      else next();
    }
  }

  private async turn(key: string): Promise<void> {
    const { atOnce, waitingPerKey, waiting, retryAfterSeconds } = this.limits;
    if (this.running < atOnce) {
      this.running++;
      return;
    }
    const line = this.lines.get(key) ?? [];
    const isFull = line.length >= waitingPerKey || (line.length > 0 && this.waiting >= waiting);
    if (isFull) {
      throw new DomainError('too-many-requests', 'too-busy', 'Too many requests at the same time. Try again later.', {
        retryAfterSeconds,
      });
    }
    this.lines.set(key, line);
    this.waiting++;
    await new Promise<void>((resolve) => line.push(resolve));
  }

  private next(): (() => void) | undefined {
    const [first] = this.lines;
    if (first === undefined) return undefined;
    const [key, line] = first;
    this.lines.delete(key);
    const next = line.shift();
    if (line.length > 0) this.lines.set(key, line);
    this.waiting--;
    return next;
  }
}
