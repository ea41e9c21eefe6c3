import { TimeBudget, tooCostly } from '#fhir';

/** What one request may cause. Beyond it, it is answered as too costly. */
export const requestLimits = {
  /** Searches and reads, each one statement or a few. */
  statements: 200,
  /** Resources taken from the database, which are then read as JSON. */
  resources: 10_000,
  /** Values in the answer: what a process does in some 200 ms, during which it serves nobody else. */
  values: 200_000,
  /** Different FHIRPath expressions; reading one takes milliseconds. */
  expressions: 20,
  /** For evaluating them, in milliseconds: how long that takes depends on the size of the elements. */
  expressionTime: 1_000,
  /** The text of the answer. Few values can be long, and be asked for under many names. */
  answerBytes: 64 * 1024 * 1024,
} as const;

/**
 * Counts what a request causes while it runs. The limits on the document alone cannot do that: how many elements and
 * references the resources have is known only when they are there.
 */
export class RequestBudget {
  private statements = 0;
  private resources = 0;
  private values = 0;
  private readonly time = new TimeBudget(requestLimits.expressionTime);
  private isOutOfTime = false;

  /** Throws OutcomeError `too-costly` when there were too many. */
  takeStatement(): void {
    this.statements++;
    if (this.statements > requestLimits.statements) {
      throw tooCostly(`A GraphQL request may cause at most ${requestLimits.statements} searches and reads.`);
    }
  }

  /** Throws OutcomeError `too-costly` when there were too many. */
  takeResources(count: number): void {
    this.resources += count;
    if (this.resources > requestLimits.resources) {
      throw tooCostly(`A GraphQL request may touch at most ${requestLimits.resources} resources.`);
    }
  }

  /**
   * To be asked before the answer grows by `count` values, or as much work is done. False when that is too much. It does
   * not throw: an error for each of many further values would cost more than the values; whoever runs the request asks
   * `isExceeded` at its end.
   */
  takeValues(count: number): boolean {
    this.values += count;
    return !this.isExceeded;
  }

  /**
   * Does `work` in the time that all expressions of the request have together; undefined when it is not enough. Whatever
   * `work` throws passes. It throws nothing itself, for the reason above.
   */
  inTime<Result>(work: () => Result): Result | undefined {
    const outcome = this.time.spend(work);
    if ('done' in outcome) return outcome.done;
    this.isOutOfTime = true;
    return undefined;
  }

  get isExceeded(): boolean {
    return this.isOutOfTime || this.values > requestLimits.values;
  }

  /** How an error says what there was too much of, when the budget is exceeded. */
  get excess(): string {
    return this.isOutOfTime
      ? 'The FHIRPath expressions of the request take too long.'
      : `The answer would have more than ${requestLimits.values} values.`;
  }
}
