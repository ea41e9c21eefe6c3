import { badRequest } from '#fhir';
import type { SearchParameters } from '../graphql-source.js';

/**
 * The search parameters that the arguments of a field stand for; `codes` has the code of each argument. Each text has
 * the form that the parameter has in a URL (`ge2020`, `http://loinc.org|1234-5`); the texts of a list are alternatives.
 * Throws OutcomeError for a text with the NUL character, which no stored text has.
 */
export function searchParameters(
  codes: ReadonlyMap<string, string>,
  args: Readonly<Record<string, unknown>>,
): SearchParameters {
  const parameters: [string, string][] = [];
  for (const [name, value] of Object.entries(args)) {
    const code = codes.get(name);
    if (code === undefined || value === null || value === undefined) continue;
    // A variable of type String may stand where a list is expected.
    const text = (Array.isArray(value) ? value.filter((item) => item !== null) : [value]).join(',');
    if (text.includes('\u0000')) throw badRequest(`The argument ${name} holds the NUL character.`, { code: 'value' });
    if (text !== '') parameters.push([code, text]);
  }
  return parameters;
}
