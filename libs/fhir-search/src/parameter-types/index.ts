import type { SearchParameter } from '#fhir';
import { date } from './date.js';
import { notYet } from './not-yet.js';
import type { ParameterType } from './parameter-type.js';
import { reference } from './reference.js';
import { string } from './string.js';
import { token } from './token.js';
import { uri } from './uri.js';

/** Every type of search parameter that the standard has (https://hl7.org/fhir/R4/search.html#ptypes). */
export const parameterTypes = {
  token,
  string,
  reference,
  date,
  uri,
  number: notYet,
  quantity: notYet,
  composite: notYet,
  special: notYet,
} satisfies Record<SearchParameter['type'], ParameterType>;
