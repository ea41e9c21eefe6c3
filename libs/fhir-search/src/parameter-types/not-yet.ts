import type { ParameterType } from './parameter-type.js';
import { notSupportedYet } from './parameter-type.js';

/**
 * A parameter type that the standard has and this server cannot search by yet. Asking for it is refused by name rather
 * than ignored, because an ignored criterion would return resources that the client did not ask for.
 */
export const notYet: ParameterType = {
  parse({ code, type }) {
    throw notSupportedYet(code, `The search parameter '${code}' (of type ${type})`);
  },
  toCondition(criterion: never) {
    return criterion;
  },
  index() {
    // Nothing can look for it, so nothing is kept; that it has a value is recorded for every type alike.
  },
};
