/**
 * What a bulk export is asked for (https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters), and the searches that it
 * is made of: one for each type, in the order of creation. Everything is read and checked when the export is asked for;
 * what is kept of it until it has been made is plain data.
 */
import {
  badRequest,
  dateInterval,
  isJsonObject,
  tooCostly,
  type FhirVersion,
  type JsonObject,
  type OperationDescription,
} from '#fhir';
import {
  compartmentTypes,
  filedUnderCode,
  localReferences,
  parseSearch,
  queryPairs,
  SearchBudget,
  type Criterion,
  type ParseOptions,
  type SearchRequest,
} from '#fhir-search';
import { assertOnly, assertTyped, oneText, type OperationInput } from '../operations/operation-input.js';

/** What is exported of: the whole project, the charts of all patients, or those of the members of a group. */
export type ExportLevel =
  | { readonly kind: 'system' }
  | { readonly kind: 'patients'; readonly compartment: string }
  | { readonly kind: 'group'; readonly compartment: string; readonly members: readonly string[] };

export interface ExportRequest {
  readonly level: ExportLevel;
  /** In the order in which they are exported, which stays the same whatever a later release knows. */
  readonly types: readonly string[];
  /** Whether they were named; what was not, and may not be seen, is left out without a word. */
  readonly isNamed: boolean;
  readonly since?: string;
  readonly until?: string;
  /** Searches of which a resource must be found by one, if there are any for its type. */
  readonly filters: readonly (readonly [type: string, query: string])[];
  /** Only the charts of these patients (`Patient/1`). */
  readonly patients?: readonly string[];
}

interface RequestOptions {
  readonly version: FhirVersion;
  /** What defines the export at this level. */
  readonly operation: OperationDescription;
  readonly ownBaseUrls?: readonly string[] | undefined;
  /** Leaves out what is not understood (`Prefer: handling=lenient`) instead of refusing it. */
  readonly lenient: boolean;
}

const PATIENT_PARAMETER = 'patient';
const NDJSON_FORMATS = new Set(['application/fhir+ndjson', 'application/ndjson', 'ndjson']);
/** So many can be chosen. */
const MAX_PATIENTS = 10_000;
const FEW_PATIENTS = 100;
const PAGE = 1000;
/** Of them `$export` knows nothing by searches: their contents are files, and guarded each by itself. */
const NEVER_EXPORTED = new Set(['Binary']);

/**
 * Reads what an export is asked for. Throws 400 for what is wrong with it, and for more than an export takes before it is
 * gone through; what the filters ask for is looked at by `exportSearches`.
 */
export function exportRequest(level: ExportLevel, input: OperationInput, options: RequestOptions): ExportRequest {
  const { version, operation, lenient, ownBaseUrls } = options;
  const known = operation.parameter.map(({ name }) => name);
  if (!lenient) assertOnly(input, known);
  assertTyped(input, operation);
  assertFormat(oneText(input, '_outputFormat'));
  const named = namedTypes(version, level, input);
  const types = named ?? typesOf(version, level);
  const since = momentOf(input, '_since');
  const until = momentOf(input, '_until');
  const patients = level.kind === 'system' ? undefined : patientsIn(input, level.compartment, ownBaseUrls);
  if (level.kind === 'group') assertFew(level.members);
  return {
    level,
    types,
    isNamed: named !== undefined,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    filters: filtersOf(input, types),
    ...(patients === undefined ? {} : { patients }),
  };
}

/** The references to members of `type` in a Group (https://hl7.org/fhir/R4/group.html), without those who have left. */
export function groupMembers(group: JsonObject, type: string, ownBaseUrls: readonly string[] = []): string[] {
  const local = localReferences(ownBaseUrls);
  const members = Array.isArray(group.member) ? group.member.filter(isJsonObject) : [];
  const references = members.flatMap(({ entity, inactive }) => {
    const reference = isJsonObject(entity) && typeof entity.reference === 'string' ? local(entity.reference) : '';
    return inactive !== true && isReferenceTo(type, reference) ? [reference] : [];
  });
  return [...new Set(references)];
}

/**
 * The searches that an export is made of, one for each type, each for a first page. Throws 400 for a filter that is none,
 * and for filters that together ask for more than one search may, and 404 for a compartment that the version does not have.
 */
export function exportSearches(
  version: FhirVersion,
  request: ExportRequest,
  ownBaseUrls: readonly string[] | undefined,
): SearchRequest[] {
  if (chosenPatients(request)?.length === 0) return [];
  const options = {
    handling: 'strict' as const,
    budget: new SearchBudget(),
    ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }),
  };
  return request.types.map((type) => searchOf(version, request, type, options));
}

/** All types of which there can be resources at this level. */
function typesOf(version: FhirVersion, level: ExportLevel): readonly string[] {
  const all =
    level.kind === 'system' ? version.resourceTypes : compartmentTypes(version, { type: level.compartment, id: 'any' });
  return all.filter((type) => !NEVER_EXPORTED.has(type));
}

function searchOf(version: FhirVersion, request: ExportRequest, type: string, options: ParseOptions): SearchRequest {
  const { since, until, filters, isNamed, level } = request;
  const range: [string, string][] = [['_count', String(PAGE)]];
  if (since !== undefined) range.push(['_lastUpdated', `ge${since}`]);
  if (until !== undefined) range.push(['_lastUpdated', `le${until}`]);
  const base = parseSearch(version, type, range, { handling: 'strict' });
  const filtered = filters
    .filter(([filteredType]) => filteredType === type)
    .map(([, query]): Criterion => {
      const pairs = queryPairs(query);
      const { criteria } = parseSearch(version, type, pairs, options);
      // Neither what comes along, nor how an answer is shown, nor a parameter without a value is a condition.
      if (criteria.length === 0 || criteria.length < pairs.length) throw badFilter(`${type}?${query}`);
      return { kind: 'and', criteria };
    });
  return {
    ...base,
    criteria: [
      ...base.criteria,
      ...chartCriteria(version, request, type),
      ...(filtered.length === 0 ? [] : [{ kind: 'or' as const, criteria: filtered }]),
    ],
    everyType: !isNamed,
    path: `${level.kind === 'system' ? '' : `${level.compartment}/`}$export`,
    applied: [['_type', type], ...base.applied],
  };
}

/** That a resource belongs to one of the charts, where they are so few that an index leads to their resources. */
function chartCriteria(version: FhirVersion, request: ExportRequest, type: string): Criterion[] {
  const patients = chosenPatients(request);
  if (patients === undefined || patients.length > FEW_PATIENTS) return [];
  const parameter = version.searchParameters(type).get(filedUnderCode);
  if (parameter === undefined) throw new Error(`${type} has no search parameter '${filedUnderCode}'.`);
  const values = patients.map((code) => ({ code }));
  return [{ kind: 'token', parameter, values, negated: false }];
}

/**
 * Whether a resource that the searches find belongs to an export, by the patients in whose charts it is; undefined when all
 * of them do. Of many patients everything is gone through: were it asked for, each page would look for all of it again.
 */
export function chartFilter(request: ExportRequest): ((charts: readonly string[]) => boolean) | undefined {
  const patients = chosenPatients(request);
  if (request.level.kind === 'system' || (patients !== undefined && patients.length <= FEW_PATIENTS)) return undefined;
  if (patients === undefined) return (charts) => charts.length > 0;
  const chosen = new Set(patients);
  return (charts) => charts.some((chart) => chosen.has(chart));
}

/** Whose charts are exported; undefined: everybody's. */
function chosenPatients({ level, patients }: ExportRequest): readonly string[] | undefined {
  if (level.kind !== 'group') return patients;
  const members = new Set(level.members);
  return patients === undefined ? level.members : patients.filter((patient) => members.has(patient));
}

function assertFormat(format: string | undefined): void {
  // A plus sign that was not escaped means the one in `application/fhir+ndjson`.
  if (format === undefined || NDJSON_FORMATS.has(format.replaceAll(' ', '+'))) return;
  throw badRequest(`Exports are made as application/fhir+ndjson, not as '${format.slice(0, 64)}'.`, {
    code: 'not-supported',
    expression: ['_outputFormat'],
  });
}

/**
 * What stands between the commas of all values of that name, and nothing behind the first that is more than `most`: of too
 * many the others are not looked at.
 */
function listed({ texts }: OperationInput, name: string, most: number): string[] {
  const parts: string[] = [];
  for (const [other, value] of texts) {
    if (parts.length > most) break;
    if (other === name) parts.push(...value.split(',', most + 1));
  }
  return parts;
}

function namedTypes(version: FhirVersion, level: ExportLevel, input: OperationInput): string[] | undefined {
  const most = version.resourceTypes.length;
  const named = listed(input, '_type', most);
  if (named.length === 0) return undefined;
  if (named.length > most) throw tooCostly(`'_type' takes ${most} types at most: there are no more.`);
  const wanted = [...new Set(named.map((type) => type.trim()))];
  const possible = new Set(typesOf(version, level));
  const stray = wanted.find((type) => !possible.has(type));
  if (stray === undefined) return wanted;
  throw badRequest(`'_type' does not take '${stray.slice(0, 64)}' here.`, { code: 'value', expression: ['_type'] });
}

function momentOf(input: OperationInput, name: '_since' | '_until'): string | undefined {
  // The same with the plus sign of a time zone.
  const moment = oneText(input, name)?.replace(' ', '+');
  if (moment === undefined || dateInterval(moment) !== undefined) return moment;
  throw badRequest(`The parameter '${name}' takes an instant.`, { code: 'value', expression: [name] });
}

function filtersOf({ texts }: OperationInput, types: readonly string[]): [string, string][] {
  // Together they are no longer than the query of one search.
  const given = queryPairs(texts.filter(([name]) => name === '_typeFilter'));
  const all = given.flatMap(([, value]) => value.split(/,(?=[A-Z]\w*\?)/));
  return all.map((filter): [string, string] => {
    const [, type = '', query = ''] = /^([A-Z]\w*)\?(.+)$/s.exec(filter.trim()) ?? [];
    if (!types.includes(type)) throw badFilter(filter);
    return [type, query];
  });
}

const badFilter = (filter: string): Error =>
  badRequest(`'_typeFilter' takes searches of exported types (Type?criteria), not '${filter.slice(0, 128)}'.`, {
    code: 'value',
    expression: ['_typeFilter'],
  });

function patientsIn(input: OperationInput, type: string, ownBaseUrls: readonly string[] = []): string[] | undefined {
  const local = localReferences(ownBaseUrls);
  const referred = input.objects.filter(([name]) => name === PATIENT_PARAMETER);
  const given = [
    ...listed(input, PATIENT_PARAMETER, MAX_PATIENTS),
    ...referred.slice(0, MAX_PATIENTS + 1).map(([, { reference }]) => reference),
  ];
  if (given.length === 0) return undefined;
  assertFew(given);
  const references = given.map((reference) => (typeof reference === 'string' ? local(reference) : ''));
  if (!references.every((reference) => isReferenceTo(type, reference))) {
    throw badRequest(`'${PATIENT_PARAMETER}' takes references to resources of the type ${type}.`, {
      code: 'value',
      expression: [PATIENT_PARAMETER],
    });
  }
  return [...new Set(references)];
}

function assertFew(patients: readonly unknown[]): void {
  if (patients.length > MAX_PATIENTS) throw tooCostly(`An export is for ${MAX_PATIENTS} chosen patients at most.`);
}

const isReferenceTo = (type: string, reference: string): boolean =>
  reference.startsWith(`${type}/`) && /^[A-Za-z0-9\-.]{1,64}$/.test(reference.slice(type.length + 1));
