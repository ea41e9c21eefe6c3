/**
 * What all evaluations of the fhirpath package may take for one resource, with everything in it: nothing else is done in the
 * process meanwhile, for other projects neither. Few elements need one, and it takes less than a millisecond. It is time of
 * the processor, so that a resource that passes on a quiet machine is not refused on a busy one.
 */
const maxMilliseconds = 1_000;

/** Thrown when they have taken longer. */
export const judgingTakesTooLong = new Error('the invariants of this resource take too long');

/**
 * Adds up what single evaluations take. Each has an end of its own, so that it is enough to look between them; breaking off
 * one on the way would cost more than most of them do.
 */
export class JudgingTime {
  private spent = 0;

  constructor(private readonly most = maxMilliseconds) {}

  /** Does `work`. Throws `judgingTakesTooLong`, with nothing done, when what was done before has taken all of the time. */
  spend<Result>(work: () => Result): Result {
    if (this.spent > this.most) throw judgingTakesTooLong;
    const before = process.cpuUsage();
    try {
      return work();
    } finally {
      const { user, system } = process.cpuUsage(before);
      this.spent += (user + system) / 1_000;
    }
  }
}
