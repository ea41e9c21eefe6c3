import { composite } from './parameter-types/composite.js';
import { date } from './parameter-types/date.js';
import { fullTextCondition } from './parameter-types/full-text.js';
import { number } from './parameter-types/number.js';
import { quantity } from './parameter-types/quantity.js';
import { reference } from './parameter-types/reference.js';
import { string } from './parameter-types/string.js';
import { token } from './parameter-types/token.js';
import { uri } from './parameter-types/uri.js';
import type { Condition } from './search-plan.js';
import type { CombiningCriterion, Criterion, SharedParameter } from './search-request.js';
import type { TokenHasher } from './token-hasher.js';
import { presentText } from './token-texts.js';

/** What is asked of the resource itself and of no other one. */
export type ValueCriterion = Exclude<Criterion, CombiningCriterion | { kind: 'list' }>;

/** The condition for a criterion on the values of the resource itself, over the index that `hasher` wrote. */
export function valueCondition(criterion: ValueCriterion, hasher: TokenHasher): Condition {
  switch (criterion.kind) {
    case 'id':
    case 'last-updated':
      return criterion;
    case 'missing':
      return present(criterion.parameter, !criterion.missing, hasher);
    case 'token':
    case 'of-type':
    case 'display':
      return token.toCondition(criterion, hasher);
    case 'string':
      return string.toCondition(criterion, hasher);
    case 'date':
      return date.toCondition(criterion, hasher);
    case 'reference':
    case 'reference-identifier':
      return reference.toCondition(criterion, hasher);
    case 'uri':
      return uri.toCondition(criterion, hasher);
    case 'number':
      return number.toCondition(criterion, hasher);
    case 'quantity':
      return quantity.toCondition(criterion, hasher);
    case 'composite':
      return composite.toCondition(criterion, hasher);
    case 'full-text':
      return fullTextCondition(criterion);
  }
}

function present(parameter: SharedParameter, wanted: boolean, hasher: TokenHasher): Condition {
  // Every resource has an id and a moment of its last change; they are columns and have no token.
  if (parameter.code === '_id' || parameter.code === '_lastUpdated') return { kind: 'id', ids: [], negated: wanted };
  const anyOf = parameter.indexKeys.map((key) => hasher.hash(presentText(key)));
  return { kind: 'token', anyOf, negated: !wanted, identifying: false };
}
