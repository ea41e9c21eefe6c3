import { tooCostly } from '#fhir';

/** The answers to the entries of a Bundle are one text in memory, so together they may not have more characters. */
const maxAnswerLength = 64 * 1024 * 1024;

/** What is left of the length that the answer to a Bundle may have. */
export class AnswerBudget {
  private left: number;

  constructor(length = maxAnswerLength) {
    this.left = length;
  }

  /** Throws OutcomeError `too-costly` when nothing is left. To be called before an entry is carried out. */
  assertLeft(): void {
    if (this.left <= 0) throw answerTooLong();
  }

  /** Takes an answer that must be given, because what it tells of has happened; what comes later has less. */
  take(answer: string): void {
    this.left -= answer.length;
  }

  /** Takes an answer that fits. One that does not ends the budget: OutcomeError `too-costly`. */
  takeFitting(answer: string): void {
    const fits = answer.length <= this.left;
    this.left = fits ? this.left - answer.length : 0;
    if (!fits) throw answerTooLong();
  }
}

const answerTooLong = () =>
  tooCostly('The answer to this Bundle is too long with this entry; ask for less, or send the entry by itself');
