/** The invariants of the standard that are not checked, and why. */

interface Exception {
  /** In whose expressions this stands. */
  expression: string;
  reason: string;
}

const exceptions: readonly Exception[] = [
  { expression: 'resolve()', reason: 'It needs other resources; what they say may change after the write.' },
  { expression: 'memberOf(', reason: 'It needs a terminology service.' },
  {
    expression: '%context.',
    reason:
      'It searches a list anew for each item (ig-1, exs-14, sdf-24 and others): its cost grows with the square of a resource.',
  },
  { expression: '.contains(":")', reason: 'It is no FHIRPath: HL7 put a text in double quotes (eld-11 of R5).' },
];

/** True for an invariant that is not checked because of what is in its expression. */
export function isUnchecked(expression: string): boolean {
  return exceptions.some((exception) => expression.includes(exception.expression));
}
