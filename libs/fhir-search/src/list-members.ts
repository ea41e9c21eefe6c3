/** `_list` (https://hl7.org/fhir/R4/search.html#list): the resources that are members of a List at this moment. */
import { badRequest, parameterKey } from '#fhir';
import type { Criterion } from './search-request.js';
import { modifierNotSupported, notSupportedYet } from './parameter-types/parameter-type.js';
import { unescapeValue } from './value-text.js';

const type = 'List';
const code = '_list';

/** The references of a List to its members stand in the index under this key, apart from those of `item`. */
export const listMembers = { type, code, key: parameterKey(type, code) } as const;

/**
 * Reads the values of `_list`, ids of Lists. Throws an OutcomeError for a modifier, for the standard's lists that are
 * computed (`$current-allergies`), and for what is no id.
 */
export function parseList(modifier: string | undefined, values: readonly string[]): Criterion {
  if (modifier !== undefined) throw modifierNotSupported(code, modifier);
  const lists = values.map((value) => unescapeValue(value).replace(/^List\//, ''));
  const computed = lists.find((list) => list.startsWith('$'));
  if (computed !== undefined) throw notSupportedYet(code, `The list '${computed}'`);
  const bad = lists.find((list) => !/^[A-Za-z0-9\-.]{1,64}$/.test(list));
  if (bad !== undefined) {
    throw badRequest("The search parameter '_list' takes the ids of Lists.", { code: 'value', expression: [code] });
  }
  return { kind: 'list', lists };
}
