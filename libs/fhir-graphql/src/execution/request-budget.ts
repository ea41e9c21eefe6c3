import { tooCostly } from '#fhir';

/** What one request may cause. Beyond it, it is answered as too costly. */
export const requestLimits = {
  /** Searches and reads, each one statement or a few. */
  statements: 200,
  /** Resources taken from the database, which are then read as JSON. */
  resources: 10_000,
  /** Values in the answer: what a process does in some 200 ms, during which it serves nobody else. */
  fields: 200_000,
} as const;

/**
 * Counts what a request causes while it runs. The limits on the document alone cannot do that: how many elements and
 * references the resources have is known only when they are there.
 */
export class RequestBudget {
  private statements = 0;
  private resources = 0;
  private fields = 0;

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
   * False when there were too many. It does not throw: an error for each of a million further values would cost more
   * than the values; whoever runs the request asks `isExceeded` at its end.
   */
  takeField(): boolean {
    this.fields++;
    return this.fields <= requestLimits.fields;
  }

  get isExceeded(): boolean {
    return this.fields > requestLimits.fields;
  }
}
