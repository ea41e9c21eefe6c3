import { badRequest, tooCostly } from '#fhir';

/** A query string without its question mark, or its decoded pairs. */
export type Query = string | readonly QueryPair[];

export type QueryPair = readonly [name: string, value: string];

/** Room for a thousand references of a hundred parameters; what is longer would only be read to be refused. */
const maxCharacters = 65_536;
const maxPairs = 1000;

/**
 * The decoded names and values of `query`, in order. Throws OutcomeError: `too-costly` for more than 65,536 characters or
 * 1,000 pairs, before any of them is looked at, and `invalid` for the character NUL, which PostgreSQL can neither keep
 * nor compare.
 */
export function queryPairs(query: Query): readonly QueryPair[] {
  const length =
    typeof query === 'string' ? query.length : query.reduce((sum, pair) => sum + pair[0].length + pair[1].length, 0);
  if (length > maxCharacters) throw tooCostly(`A query may have at most ${maxCharacters} characters.`);
  const pairs = typeof query === 'string' ? [...new URLSearchParams(query)] : query;
  if (pairs.length > maxPairs) throw tooCostly(`A query may have at most ${maxPairs} parameters.`);
  if (pairs.some(([name, value]) => name.includes('\0') || value.includes('\0'))) {
    throw badRequest('A parameter holds the NUL character.', { code: 'value' });
  }
  return pairs;
}
