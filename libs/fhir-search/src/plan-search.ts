import type { FhirVersion } from '#fhir';
import { date } from './parameter-types/date.js';
import { reference } from './parameter-types/reference.js';
import { string } from './parameter-types/string.js';
import { token } from './parameter-types/token.js';
import { uri } from './parameter-types/uri.js';
import type { Condition, CursorPosition, OrderKey, SearchPlan } from './search-plan.js';
import type { Criterion, SearchRequest, SortKey } from './search-request.js';
import type { TokenHasher } from './token-hasher.js';
import { presentText } from './token-texts.js';

/**
 * How `request` is answered from the index that `hasher` wrote. `after` is where its cursor points, as `decodeCursor`
 * returned it; a request with a cursor must come with it.
 */
export function planSearch(
  version: FhirVersion,
  request: SearchRequest,
  hasher: TokenHasher,
  after?: CursorPosition,
): SearchPlan {
  if ((request.cursor === undefined) !== (after === undefined)) {
    throw new Error('A request with a cursor is planned with the position of that cursor.');
  }
  const mainDate = version.mainDate(request.type)?.key;
  return {
    type: request.type,
    where: request.criteria.map((criterion) => toCondition(criterion, hasher)),
    order: request.sort.map((key) => toOrderKey(key, mainDate)),
    count: request.count,
    offset: request.offset ?? 0,
    ...(after === undefined ? {} : { after }),
  };
}

function toCondition(criterion: Criterion, hasher: TokenHasher): Condition {
  switch (criterion.kind) {
    case 'id':
    case 'last-updated':
      return criterion;
    case 'missing':
      return present(criterion.parameter, !criterion.missing, hasher);
    case 'token':
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
  }
}

function present(parameter: { code: string; key: number }, wanted: boolean, hasher: TokenHasher): Condition {
  // Every resource has an id and a moment of its last change; they are columns and have no token.
  if (parameter.code === '_id' || parameter.code === '_lastUpdated') return { kind: 'id', ids: [], negated: wanted };
  const anyOf = [hasher.hash(presentText(parameter.key))];
  return { kind: 'token', anyOf, negated: !wanted, identifying: false };
}

function toOrderKey(key: SortKey, mainDate: number | undefined): OrderKey {
  const { descending } = key;
  if (key.by === 'id' || key.by === 'last-updated') return { by: key.by, descending };
  const parameter = key.parameter.key;
  if (key.by === 'string') return { by: 'string', descending, parameter };
  return { by: 'date', descending, parameter, main: parameter === mainDate };
}
