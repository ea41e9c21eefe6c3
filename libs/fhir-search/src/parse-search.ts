/**
 * Reads a query string into a SearchRequest (https://hl7.org/fhir/R4/search.html). It checks everything that can be
 * checked without a database: names, modifiers, values, limits. What the standard has and this server does not have yet
 * is refused by name; nothing that a client asked for is left out silently.
 */
import { badRequest, tooCostly, type FhirVersion, type SearchParameter } from '#fhir';
import { localReferences } from './local-reference.js';
import { parseDateTest } from './parameter-types/date.js';
import { parameterTypes } from './parameter-types/index.js';
import { modifierNotSupported, notSupportedYet, type ParseContext } from './parameter-types/parameter-type.js';
import { isResultParameter, readResultParameters } from './result-parameters.js';
import type { Criterion, SearchRequest } from './search-request.js';
import { splitUnescaped, unescapeValue } from './value-text.js';

export interface ParseOptions {
  /** What `Prefer: handling=` said; `strict` refuses unknown parameters, `lenient` leaves them out. */
  readonly handling: 'strict' | 'lenient';
  /** Base URLs of the project's FHIR API, each ending in a slash: references below them are local ones. */
  readonly ownBaseUrls?: readonly string[];
  /** The present moment, on which `ap` depends. */
  readonly now?: Date;
}

/** Limits of one search; beyond them it is refused as too costly before any work is done. */
const maxCriteria = 100;
const maxValues = 1000;

/**
 * The request that `query` (the text behind `?`, or its decoded pairs) makes for resources of `type`. Parameters
 * without a value are ignored. Throws OutcomeError: an unknown parameter under strict handling, a malformed value, an
 * unsupported feature, or too many criteria; the issue's `expression` names the parameter.
 */
export function parseSearch(
  version: FhirVersion,
  type: string,
  query: string | readonly (readonly [string, string])[],
  options: ParseOptions,
): SearchRequest {
  const parameters = version.searchParameters(type);
  const context = parseContext(version, options);
  const criteria: Criterion[] = [];
  const results: [string, string][] = [];
  const applied: [string, string][] = [];
  const ignored: string[] = [];
  let valueCount = 0;

  for (const [name, value] of typeof query === 'string' ? new URLSearchParams(query) : query) {
    const values = splitUnescaped(value, ',').filter((part) => part !== '');
    if (values.length === 0) continue;
    if (isResultParameter(name)) {
      results.push([name, value]);
      applied.push([name, value]);
      continue;
    }
    const parameter = findParameter(parameters, name, type);
    if (parameter === undefined) {
      if (options.handling === 'strict') throw unknownParameter(name, type);
      ignored.push(name);
      continue;
    }
    valueCount += values.length;
    if (criteria.length === maxCriteria) throw tooCostly(`A search may have at most ${maxCriteria} criteria.`);
    if (valueCount > maxValues) throw tooCostly(`A search may have at most ${maxValues} values in all its criteria.`);
    criteria.push(parseCriterion(parameter, name, values, context));
    applied.push([name, value]);
  }
  return { type, criteria, ...readResultParameters(parameters, type, results), ignored, applied };
}

function parseContext(version: FhirVersion, options: ParseOptions): ParseContext {
  return {
    now: options.now ?? new Date(),
    isResourceType: (name) => version.isResourceType(name),
    resourceTypes: version.resourceTypes,
    localReference: localReferences(options.ownBaseUrls ?? []),
  };
}

/** Parameters of the standard that are no properties of one resource and that this server does not have yet. */
const notYetByName = new Set(
  '_include _revinclude _has _list _query _filter _text _content _contained _containedType _type _score _graph'.split(
    ' ',
  ),
);

/** The parameter that `name` (with modifier or chain) starts with; undefined if the type has none of that name. */
function findParameter(
  parameters: ReadonlyMap<string, SearchParameter>,
  name: string,
  type: string,
): SearchParameter | undefined {
  const [code = ''] = name.split(/[:.]/, 1);
  if (notYetByName.has(code)) throw notSupportedYet(name, `The search parameter '${code}'`);
  const parameter = parameters.get(code);
  if (parameter !== undefined && name.includes('.')) {
    throw notSupportedYet(name, `The chained search parameter '${name}' of ${type}`);
  }
  return parameter;
}

function parseCriterion(
  parameter: SearchParameter,
  name: string,
  values: readonly string[],
  context: ParseContext,
): Criterion {
  const { code } = parameter;
  const modifier = name.length > code.length ? name.slice(code.length + 1) : undefined;
  if (modifier === 'missing') return parseMissing(parameter, values);
  if (code === '_id') return parseId(modifier, values);
  if (code === '_lastUpdated') {
    if (modifier !== undefined) throw modifierNotSupported(code, modifier);
    return { kind: 'last-updated', tests: values.map((value) => parseDateTest(code, value, context.now)) };
  }
  return parameterTypes[parameter.type].parse(parameter, modifier, values, context);
}

function parseId(modifier: string | undefined, values: readonly string[]): Criterion {
  if (modifier !== undefined && modifier !== 'not') throw modifierNotSupported('_id', modifier);
  return { kind: 'id', ids: values.map(unescapeValue), negated: modifier === 'not' };
}

function parseMissing(parameter: SearchParameter, values: readonly string[]): Criterion {
  const { code, key, type } = parameter;
  if (type === 'composite' || type === 'special') throw modifierNotSupported(code, 'missing');
  const [value] = values;
  if (values.length !== 1 || (value !== 'true' && value !== 'false')) {
    throw badRequest(`':missing' of the search parameter '${code}' takes 'true' or 'false'.`, {
      code: 'value',
      expression: [`${code}:missing`],
    });
  }
  return { kind: 'missing', parameter: { code, key }, missing: value === 'true' };
}

function unknownParameter(name: string, type: string): Error {
  return badRequest(`${type} has no search parameter '${name}'.`, { code: 'not-found', expression: [name] });
}
