/**
 * How a schema differs from the one that is expected, as lines of a diff: `- ` what is missing, `+ ` what is there
 * besides. What was changed is both, one after the other. Empty when the two are equal. Both must be sorted as
 * `schemaDescription` gives them.
 */
export function schemaDrift(expected: readonly string[], found: readonly string[]): string[] {
  const wanted = new Set(expected);
  const present = new Set(found);
  const differences = [
    ...expected.filter((line) => !present.has(line)).map((line) => ({ line, sign: '-' })),
    ...found.filter((line) => !wanted.has(line)).map((line) => ({ line, sign: '+' })),
  ];
  return differences
    .sort((one, other) => compare(subjectOf(one.line), subjectOf(other.line)) || compare(other.sign, one.sign))
    .map(({ line, sign }) => `${sign} ${line}`);
}

/** What a line is about: its first two words, `column resource.body`. */
const subjectOf = (line: string): string => line.split(' ', 2).join(' ');

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
