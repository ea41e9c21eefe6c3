import type { Issue } from '../outcomes/issue.js';

/** More issues than this help nobody, and their number must not grow with hostile input. */
const maxIssues = 20;

/**
 * Deeper than any text that readResource lets through; a value of other origin is refused before the walk over it runs
 * out of stack.
 */
const maxPathLength = 400;

/** From https://hl7.org/fhir/R4/valueset-issue-type.html. */
type IssueCode = 'structure' | 'required' | 'value' | 'invariant' | 'code-invalid' | 'too-costly';

/** Where a walk over a resource is, and what it has found wrong so far. */
export class Findings {
  readonly issues: Issue[] = [];
  private readonly path: (string | number)[] = [];
  private depth = 0;

  constructor(private readonly resourceType: string) {}

  /** For finding out whether something would be wrong: what is found there is told nowhere. */
  apart(): Findings {
    return new Findings(this.resourceType);
  }

  /** True when the walk should stop. */
  get full(): boolean {
    return this.issues.length >= maxIssues;
  }

  /** Steps down into an element (by name) or an item of an array (by index). False when it is too deep to go on. */
  enter(segment: string | number): boolean {
    this.path[this.depth++] = segment;
    if (this.depth < maxPathLength) return true;
    this.report('structure', 'is nested too deeply');
    this.leave();
    return false;
  }

  leave(): void {
    this.depth--;
  }

  /** Notes a problem at the current place, or at the element `name` below it. The text reads on from the path. */
  report(code: IssueCode, problem: string, name?: string): void {
    if (this.full) return;
    const expression = this.expression(name);
    this.issues.push({ severity: 'error', code, text: `${expression} ${problem}`, expression: [expression] });
  }

  private expression(name: string | undefined): string {
    let expression = this.resourceType;
    for (const segment of this.path.slice(0, this.depth)) {
      expression += typeof segment === 'number' ? `[${segment}]` : `.${segment}`;
    }
    return name === undefined ? expression : `${expression}.${name}`;
  }
}
