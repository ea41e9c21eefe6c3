import { withoutLiterals } from '../templates/expression-template.js';

/** Far more than any constraint that people write; what is larger takes long to compile, or more stack than there is. */
const maxLength = 5_000;
const maxNesting = 50;

/** Whether an expression has more characters, or more brackets within each other, than a write constraint may have. */
export function isTooLarge(expression: string): boolean {
  if (expression.length > maxLength) return true;
  let depth = 0;
  for (const character of withoutLiterals(expression)) {
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    if (depth > maxNesting) return true;
  }
  return false;
}
