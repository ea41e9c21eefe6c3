import type { FhirVersion } from '#fhir';
import { joinTypes, planType } from './plan-criteria.js';
import type { Restrict } from './restrict.js';
import type { CursorPosition, OrderKey, SearchPlan } from './search-plan.js';
import type { SearchRequest, SortKey } from './search-request.js';
import type { TokenHasher } from './token-hasher.js';

/**
 * How `request` is answered from the index that `hasher` wrote, for somebody who may see what `restrict` says. `after` is
 * where its cursor points, as `decodeCursor` returned it; a request with a cursor must come with it.
 */
export function planSearch(
  version: FhirVersion,
  request: SearchRequest,
  hasher: TokenHasher,
  restrict: Restrict,
  after?: CursorPosition,
): SearchPlan {
  if ((request.cursor === undefined) !== (after === undefined)) {
    throw new Error('A request with a cursor is planned with the position of that cursor.');
  }
  const planning = { version, hasher, restrict };
  const plans = [request, ...request.furtherTypes].flatMap((part) => planType(planning, 'search', part) ?? []);
  const mainDate = version.mainDate(request.type)?.key;
  return {
    types: plans.length === 0 ? [request.type] : plans.map(({ type }) => type),
    where: joinTypes(plans),
    order: request.sort.map((key) => toOrderKey(key, mainDate)),
    count: request.count,
    offset: request.offset ?? 0,
    ...(after === undefined ? {} : { after }),
  };
}

function toOrderKey(key: SortKey, mainDate: number | undefined): OrderKey {
  const { descending } = key;
  if (key.by === 'id' || key.by === 'last-updated') return { by: key.by, descending };
  const parameter = key.parameter.key;
  switch (key.by) {
    case 'date':
      return { by: 'date', descending, parameter, main: parameter === mainDate };
    case 'text':
      return { by: 'text', descending, code: key.code };
    case 'string':
    case 'number':
      return { by: key.by, descending, parameter };
  }
}
