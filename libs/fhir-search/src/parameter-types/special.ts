import type { ParameterType } from './parameter-type.js';
import { notSupportedYet } from './parameter-type.js';

/**
 * Special parameters (https://hl7.org/fhir/R4/search.html#special) each have a meaning of their own. Those that this server
 * has are read by name before their type is asked; the others (`near` and others about geography) are refused by name
 * rather than ignored, because an ignored criterion would return resources that the client did not ask for.
 */
export const special: ParameterType = {
  parse({ code }) {
    throw notSupportedYet(code, `The search parameter '${code}'`);
  },
  toCondition(criterion: never) {
    return criterion;
  },
  index() {
    // Nothing can look for it, so nothing is kept; that it has a value is recorded for every type alike.
  },
};
