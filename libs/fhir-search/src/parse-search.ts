/**
 * Reads a query string into a SearchRequest (https://hl7.org/fhir/R4/search.html). It checks everything that can be
 * checked without a database: names, modifiers, values, limits. What the standard has and this server does not have yet
 * is refused by name; nothing that a client asked for is left out silently.
 */
import { badRequest, notFound, tooCostly, type FhirVersion } from '#fhir';
import { compartmentCriterion, compartmentTypes, type CompartmentOwner } from './compartment.js';
import { localReferences } from './local-reference.js';
import { beginsKnown, parseCriterion, type CriterionContext } from './parse-criterion.js';
import { parseFilter } from './parse-filter.js';
import { isInclude, parseInclude } from './parse-include.js';
import { queryPairs, type Query, type QueryPair } from './query-pairs.js';
import { isResultParameter, readResultParameters } from './result-parameters.js';
import { SearchBudget } from './search-budget.js';
import type { Criterion, Include, SearchRequest, TypeCriteria } from './search-request.js';
import { UnknownParameter } from './unknown-parameter.js';
import { splitUnescaped } from './value-text.js';

export interface ParseOptions {
  /** What `Prefer: handling=` said; `strict` refuses unknown parameters, `lenient` leaves them out. */
  readonly handling: 'strict' | 'lenient';
  /** Base URLs of the project's FHIR API, each ending in a slash: references below them are local ones. */
  readonly ownBaseUrls?: readonly string[];
  /** The present moment, on which `ap` depends. */
  readonly now?: Date;
  /** Only what is in this compartment (https://hl7.org/fhir/R4/search.html#compartment). */
  readonly compartment?: CompartmentOwner;
  /** What all the searches may ask for together that it is given to; by default each type has its own. */
  readonly budget?: SearchBudget;
}

const maxIncludes = 20;

/**
 * The request that `query` makes for resources of `type`. Parameters without a value are ignored. Throws OutcomeError:
 * an unknown parameter under strict handling, a malformed value, an unsupported feature, or more than the limits allow;
 * the issue's `expression` names the parameter. 404 when the compartment does not exist or never holds the type.
 */
export function parseSearch(version: FhirVersion, type: string, query: Query, options: ParseOptions): SearchRequest {
  const { compartment } = options;
  if (compartment !== undefined && !compartmentTypes(version, compartment).includes(type)) throw notFound();
  const path = compartment === undefined ? type : `${compartment.type}/${compartment.id}/${type}`;
  return parseTypes(version, [type], queryPairs(query), options, { path, everyType: false, applied: [] });
}

/**
 * The request that `query` makes for resources of all types, or of those in `_type`: the whole system
 * (https://hl7.org/fhir/R4/http.html#search), or one compartment. It may use the parameters that all of them have.
 * Throws like `parseSearch`.
 */
export function parseSystemSearch(version: FhirVersion, query: Query, options: ParseOptions): SearchRequest {
  const { compartment } = options;
  const pairs = queryPairs(query);
  const searchable = compartment === undefined ? version.resourceTypes : compartmentTypes(version, compartment);
  const named = pairs.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(',').filter(Boolean));
  const stray = named.find((type) => !searchable.includes(type));
  if (stray !== undefined) {
    throw badRequest(`'${stray}' is no resource type that can be searched here.`, {
      code: 'value',
      expression: ['_type'],
    });
  }
  const path = compartment === undefined ? '' : `${compartment.type}/${compartment.id}/*`;
  const others = pairs.filter(([name]) => name !== '_type');
  if (named.length === 0)
    return parseTypes(version, searchable, others, options, { path, everyType: true, applied: [] });
  const types = [...new Set(named)];
  const applied = [['_type', types.join(',')]] as const;
  return parseTypes(version, types, others, options, { path, everyType: false, applied });
}

/** Stands in the address of a compartment for all types. */
const anyType = '*';

/**
 * The search at an address below the FHIR base: `Patient`, the empty text for the whole system, `Patient/123/Observation`
 * or `Patient/123/*` for a compartment. Throws like `parseSearch`, and 404 for an address at which no search is.
 */
export function parseSearchAt(version: FhirVersion, path: string, query: Query, options: ParseOptions): SearchRequest {
  if (path === '') return parseSystemSearch(version, query, options);
  const [first = '', id, inside, ...rest] = path.split('/');
  const type = inside ?? first;
  if (rest.length > 0 || (id !== undefined && inside === undefined)) throw notFound();
  if (!version.isResourceType(type) && (type !== anyType || id === undefined)) throw notFound();
  const within = id === undefined ? options : { ...options, compartment: { type: first, id } };
  return type === anyType ? parseSystemSearch(version, query, within) : parseSearch(version, type, query, within);
}

function parseTypes(
  version: FhirVersion,
  types: readonly string[],
  pairs: readonly QueryPair[],
  options: ParseOptions,
  place: Pick<SearchRequest, 'path' | 'everyType' | 'applied'>,
): SearchRequest {
  const { compartment, handling } = options;
  const branches = types.map((type) => new Branch(type, parseContext(version, options)));
  if (compartment !== undefined) for (const branch of branches) branch.addCompartment(compartment);
  const results: [string, string][] = [];
  const includes: Include[] = [];
  let askedIncludes = 0;
  const applied = [...place.applied];
  const ignored: string[] = [];

  for (const [name, value] of pairs) {
    const alternatives = splitUnescaped(value, ',').filter((part) => part !== '');
    if (alternatives.length === 0) continue;
    if (isInclude(name) && ++askedIncludes > maxIncludes) {
      throw tooCostly(`A search may have at most ${maxIncludes} parameters '_include' and '_revinclude'.`);
    }
    // An error for each of many names that no type has would cost more than the rest of the search.
    if (handling === 'lenient' && isCriterion(name) && !branches.every((branch) => branch.mayTake(name))) {
      ignored.push(name);
      continue;
    }
    try {
      if (isInclude(name)) includes.push(parseInclude(version, name, value));
      else if (isResultParameter(name)) results.push([name, value]);
      else addCriteria(branches, { name, value, alternatives });
      applied.push([name, value]);
    } catch (error) {
      if (!(error instanceof UnknownParameter)) throw error;
      if (handling === 'strict') throw unknownParameter(error, name);
      ignored.push(name);
    }
  }
  const [first, ...further] = branches.map(({ type, criteria }): TypeCriteria => ({ type, criteria }));
  if (first === undefined) throw new Error('A search is for at least one type.');
  const settings = readResultParameters({ version, handling }, types, results);
  // Written out: a literal that spreads several objects costs more than all the rest of reading a query.
  return {
    type: first.type,
    criteria: first.criteria,
    furtherTypes: further,
    everyType: place.everyType,
    path: place.path,
    includes,
    shown: settings.shown,
    sort: settings.sort,
    count: settings.count,
    offset: settings.offset,
    cursor: settings.cursor,
    total: settings.total,
    ignored,
    applied: asApplied(applied, settings),
  };
}

const isCriterion = (name: string): boolean => !isInclude(name) && !isResultParameter(name);

/** A page size beyond the limit is shown as what it was taken for. */
function asApplied(
  applied: SearchRequest['applied'],
  { count }: Pick<SearchRequest, 'count'>,
): SearchRequest['applied'] {
  return applied.map(([name, value]) =>
    name === '_count' && Number(value) > count ? [name, String(count)] : [name, value],
  );
}

/** All or none of the branches get their criterion: a parameter that one type does not have is not one of this search. */
function addCriteria(branches: readonly Branch[], asked: AskedCriterion): void {
  const criteria = branches.map((branch) => branch.parse(asked));
  branches.forEach((branch, index) => {
    const criterion = criteria[index];
    if (criterion !== undefined) branch.criteria.push(criterion);
  });
}

interface AskedCriterion {
  readonly name: string;
  readonly value: string;
  /** The parts of the value between its commas, none empty, escapes in place. */
  readonly alternatives: readonly string[];
}

/** One of the types that are searched, and what is asked of it. */
class Branch {
  readonly criteria: Criterion[] = [];

  constructor(
    readonly type: string,
    private readonly context: CriterionContext,
  ) {}

  /** False for a name that `parse` refuses as unknown by its beginning alone. */
  mayTake(name: string): boolean {
    return name === '_filter' || beginsKnown(this.type, name, this.context);
  }

  parse({ name, value, alternatives }: AskedCriterion): Criterion {
    if (name === '_filter') return parseFilter(this.type, value, this.context);
    return parseCriterion(this.type, name, alternatives, this.context);
  }

  addCompartment(owner: CompartmentOwner): void {
    this.criteria.push(compartmentCriterion(this.context.version, owner, this.type));
  }
}

function parseContext(version: FhirVersion, options: ParseOptions): CriterionContext {
  return {
    version,
    budget: options.budget ?? new SearchBudget(),
    now: options.now ?? new Date(),
    isResourceType: (name) => version.isResourceType(name),
    resourceTypes: version.resourceTypes,
    localReference: localReferences(options.ownBaseUrls ?? []),
  };
}

function unknownParameter({ message }: UnknownParameter, name: string): Error {
  return badRequest(message, { code: 'not-found', expression: [name] });
}
