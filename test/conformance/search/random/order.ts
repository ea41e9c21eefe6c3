/** The order of a search's answer, judged by the values of the resources themselves. */
import { dateInterval, isJsonObject, type FhirVersion, type JsonObject, type JsonValue, type TypedValue } from '#fhir';
import type { SearchRequest, SortKey } from '#fhir-search';

/**
 * The first two neighbours of `answer` that stand in the wrong order, if there are any. Looks only at keys whose values
 * are plain (dates, numbers, codes, texts and references); behind a key of another kind the order is not judged.
 */
export function misplaced(
  version: FhirVersion,
  { sort }: SearchRequest,
  answer: readonly JsonObject[],
): readonly [JsonObject, JsonObject] | undefined {
  const judged = sort.slice(0, sort.findIndex((key) => !answer.every((one) => isPlain(version, key, one))) >>> 0);
  for (const [place, next] of answer.entries()) {
    const previous = answer[place - 1];
    if (previous !== undefined && compare(version, judged, previous, next) > 0) return [previous, next];
  }
  return undefined;
}

function compare(version: FhirVersion, keys: readonly SortKey[], a: JsonObject, b: JsonObject): number {
  for (const key of keys) {
    const [first, second] = [earliest(version, key, a), earliest(version, key, b)];
    if (first === second) continue;
    // What has no value comes last in both directions.
    if (first === undefined || second === undefined) return first === undefined ? 1 : -1;
    return isBelow(first, second) === key.descending ? 1 : -1;
  }
  return 0;
}

type Value = number | string;

function isBelow(a: Value, b: Value): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))) < 0;
}

/** The value by which a resource is sorted: of several the one that comes first in the order. */
function earliest(version: FhirVersion, key: SortKey, resource: JsonObject): Value | undefined {
  const values = valuesOf(version, key, resource).flatMap((found) => plainValues(key, found) ?? []);
  return values.reduce<Value | undefined>(
    (first, value) => (first === undefined || isBelow(value, first) !== key.descending ? value : first),
    undefined,
  );
}

const isPlain = (version: FhirVersion, key: SortKey, resource: JsonObject): boolean =>
  valuesOf(version, key, resource).every((found) => plainValues(key, found) !== undefined);

const valuesOf = (version: FhirVersion, { code }: SortKey, resource: JsonObject): TypedValue[] =>
  version
    .searchParameters(resource['resourceType'] as string)
    .get(code)
    ?.evaluate(resource) ?? [];

/** Undefined for a value whose place in an order is not plain to see. */
function plainValues({ by }: SortKey, { value }: TypedValue): Value[] | undefined {
  switch (by) {
    case 'number':
      return typeof value === 'number' ? [value] : undefined;
    case 'date':
    case 'last-updated': {
      const start = typeof value === 'string' ? dateInterval(value)?.start : undefined;
      return start === undefined ? undefined : [start];
    }
    case 'id':
      return typeof value === 'string' ? [value] : undefined;
    case 'string':
      // Texts of other letters than these have their place by what is left of them when they are normalised.
      return typeof value === 'string' && /^[a-z0-9 ._:/-]+$/.test(value) ? [value] : undefined;
    case 'text':
      return textValues(value)?.map((text) => text.slice(0, sortedLength));
  }
}

/** As much of a text as counts for its place, less than what the index keeps. */
const sortedLength = 40;

function textValues(value: JsonValue): string[] | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return [String(value)];
  if (!isJsonObject(value)) return undefined;
  const { coding, code, reference, value: own } = value;
  if (Array.isArray(coding))
    return coding.flatMap((one) => textValues(isJsonObject(one) ? (one['code'] ?? null) : one) ?? []);
  const text = reference ?? code ?? own;
  return typeof text === 'string' && !/^#|\/_history\//.test(text) ? [text] : undefined;
}
