import { tooCostly } from '#fhir';

/** Limits of one search; beyond them it is refused as too costly before any work is done. */
const maxCriteria = 100;
const maxValues = 1000;
/** Each reference that is followed joins two tables, and planning many joins takes PostgreSQL long. */
const maxLinks = 50;

/** Counts what a search asks for while it is read, the criteria inside chains and filters included. */
export class SearchBudget {
  private criteria = 0;
  private values = 0;
  private links = 0;

  /** Takes one criterion with so many values from the budget. Throws OutcomeError `too-costly` when it is used up. */
  take(values: number): void {
    this.criteria += 1;
    this.values += values;
    if (this.criteria > maxCriteria) throw tooCostly(`A search may have at most ${maxCriteria} criteria.`);
    if (this.values > maxValues) {
      throw tooCostly(`A search may have at most ${maxValues} values in all its criteria.`);
    }
  }

  /** Takes one reference to follow, to resources of one type, from the budget. Throws like `take`. */
  follow(): void {
    this.links += 1;
    if (this.links > maxLinks) {
      throw tooCostly(
        `The criteria of a search may follow at most ${maxLinks} references, counted per type they lead to.`,
      );
    }
  }
}
