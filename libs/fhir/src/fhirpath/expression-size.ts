/** Far more than any expression that people write; what is larger takes long to compile, or more stack than there is. */
const maxLength = 5_000;
const maxNesting = 50;

/**
 * String literals, delimited names and comments of FHIRPath (https://hl7.org/fhirpath/N1/#lexical-elements); group 1: a
 * literal.
 */
export const fhirpathLiterals = /('(?:[^'\\]|\\[^])*')|`(?:[^`\\]|\\[^])*`|\/\/[^\n]*|\/\*[^]*?\*\//g;

/** Whether an expression that somebody brings along has more characters, or more brackets within each other, than it may. */
export function isTooLargeExpression(expression: string): boolean {
  if (expression.length > maxLength) return true;
  let depth = 0;
  for (const character of expression.replace(fhirpathLiterals, ' ')) {
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    if (depth > maxNesting) return true;
  }
  return false;
}
