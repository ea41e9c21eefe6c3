import { withinTime } from './within-time.js';

/**
 * What became of a piece of work. Out of time: `itself` when it had the processor for a fifth of the whole time or more,
 * and `waiting` when it did hardly more than wait for its turn.
 */
type Outcome<Result> = { readonly done: Result } | { readonly ranOut: 'itself' | 'waiting' };

/**
 * The time that several pieces of work have together. It is real time, since nothing else is done in the process
 * meanwhile; on a machine with much else to do it passes without any work being done, which `ranOut` tells apart.
 */
export class TimeBudget {
  private left: number;

  constructor(private readonly milliseconds: number) {
    this.left = milliseconds;
  }

  /** Does `work` in the time that is left. Whatever it throws passes. */
  spend<Result>(work: () => Result): Outcome<Result> {
    const allowed = Math.floor(this.left);
    if (allowed < 1) return { ranOut: 'waiting' };
    const started = performance.now();
    const processor = process.cpuUsage();
    const done = withinTime(allowed, () => ({ done: work() }));
    this.left -= performance.now() - started;
    if (done !== undefined) return done;
    const { user, system } = process.cpuUsage(processor);
    return { ranOut: (user + system) / 1_000 >= this.milliseconds / 5 ? 'itself' : 'waiting' };
  }
}
