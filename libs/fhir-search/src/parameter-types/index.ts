import type { SearchParameter } from '#fhir';
import { composite } from './composite.js';
import { date } from './date.js';
import { number } from './number.js';
import type { ParameterType } from './parameter-type.js';
import { quantity } from './quantity.js';
import { reference } from './reference.js';
import { special } from './special.js';
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
  number,
  quantity,
  composite,
  special,
} satisfies Record<SearchParameter['type'], ParameterType>;
