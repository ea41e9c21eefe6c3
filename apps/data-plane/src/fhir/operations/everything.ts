/**
 * `$everything` (https://hl7.org/fhir/R4/patient-operation-everything.html) is a search over all types of a compartment;
 * each page brings along what its resources refer to and what no compartment of this kind holds, such as practitioners,
 * organisations and medications.
 */
import { badRequest, type FhirVersion } from '#fhir';
import {
  compartmentCriterion,
  compartmentTypes,
  parseSearch,
  parseSystemSearch,
  type Criterion,
  type SearchRequest,
  type TypeCriteria,
} from '#fhir-search';

/** Whose compartment is asked for: one resource's, or those of all resources of the type. */
export interface EverythingOwner {
  readonly type: string;
  readonly id?: string;
}

export interface EverythingInput {
  /** `_since`, `_type`, `_count`, `start`, `end` and `_cursor` as received. */
  readonly texts: readonly (readonly [name: string, value: string])[];
  readonly ownBaseUrls?: readonly string[];
}

/** What `$everything` of one owner asks of the store. */
export interface EverythingRequest {
  readonly search: SearchRequest;
  /** Types of which resources come along when others refer to them. */
  readonly alongTypes: ReadonlySet<string>;
}

/** Whether the version defines `$everything` for the type, and how. */
export function everythingLevels(version: FhirVersion, type: string): { instance: boolean; type: boolean } {
  const defined = version.operations().find(({ code, resource }) => code === 'everything' && resource?.includes(type));
  if (defined === undefined || !version.compartments.includes(type)) return { instance: false, type: false };
  return { instance: defined.instance, type: defined.type };
}

/** The request for a page of everything. Throws 400 for a parameter that is wrong. */
export function everythingRequest(
  version: FhirVersion,
  owner: EverythingOwner,
  { texts, ownBaseUrls }: EverythingInput,
): EverythingRequest {
  const all = compartmentTypes(version, { type: owner.type, id: owner.id ?? 'any' });
  const along = new Set(
    version.resourceTypes.filter((type) => !all.includes(type) && !version.platformTypes.includes(type)),
  );
  const wanted = texts.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(',').filter(Boolean));
  const stray = wanted.find((type) => !all.includes(type) && !along.has(type));
  if (stray !== undefined)
    throw badRequest(`'_type' does not take '${stray}'.`, { code: 'value', expression: ['_type'] });
  const named = wanted.filter((type) => all.includes(type));
  const searched = wanted.length === 0 ? all : named;
  if (searched.length === 0) {
    throw badRequest(`'_type' needs a type of the ${owner.type} compartment; others come along with those.`, {
      code: 'value',
      expression: ['_type'],
    });
  }
  const options = { handling: 'strict' as const, ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }) };
  const base = parseSystemSearch(version, searchPairs(texts, searched), options);
  const range = careRange(texts);
  const complete = ({ type, criteria }: TypeCriteria): TypeCriteria => ({
    type,
    criteria: [...criteria, membership(version, owner, type), ...careDate(version, type, range)],
  });
  const [first, ...further] = [base, ...base.furtherTypes].map(complete);
  if (first === undefined) throw new Error('A search is for at least one type.');
  const search: SearchRequest = {
    ...base,
    ...first,
    furtherTypes: further,
    // A type that was not named and may not be seen is left out without a word.
    everyType: wanted.length === 0,
    path: `${owner.type}/${owner.id === undefined ? '' : `${owner.id}/`}$everything`,
    applied: texts,
  };
  return { search, alongTypes: wanted.length === 0 ? along : new Set(wanted.filter((type) => along.has(type))) };
}

function searchPairs(texts: EverythingInput['texts'], types: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [['_type', types.join(',')]];
  for (const [name, value] of texts) {
    if (name === '_since') pairs.push(['_lastUpdated', `ge${value}`]);
    if (name === '_count' || name === '_cursor') pairs.push([name, value]);
  }
  return pairs;
}

/** That a resource belongs to the compartment of the owner, or of any resource of the owner's type. */
function membership(version: FhirVersion, { type: ownerType, id }: EverythingOwner, type: string): Criterion {
  if (id !== undefined) return compartmentCriterion(version, { type: ownerType, id }, type);
  const criterion = compartmentCriterion(version, { type: ownerType, id: 'any' }, type);
  if (criterion.kind !== 'compartment') throw new Error('A compartment is one criterion.');
  const toAny = criterion.parameters.map((parameter) => ({
    kind: 'chain' as const,
    parameter,
    targets: [{ type: ownerType, criteria: [] }],
  }));
  return type === ownerType ? { kind: 'and', criteria: [] } : { kind: 'or', criteria: toAny };
}

interface CareRange {
  readonly start: string | undefined;
  readonly end: string | undefined;
}

function careRange(texts: EverythingInput['texts']): CareRange {
  const one = (name: string) => texts.find(([other]) => other === name)?.[1];
  return { start: one('start'), end: one('end') };
}

/** That the resource is about care in the range, where it says when that was; a condition without a date stays. */
function careDate(version: FhirVersion, type: string, { start, end }: CareRange): Criterion[] {
  const parameter = version.mainDate(type);
  if (parameter === undefined || (start === undefined && end === undefined)) return [];
  const { code, key, indexKeys } = parameter;
  const tests: [string, string][] = [];
  if (start !== undefined) tests.push([code, `ge${start}`]);
  if (end !== undefined) tests.push([code, `le${end}`]);
  const { criteria } = parseSearch(version, type, tests, { handling: 'strict' });
  return [
    {
      kind: 'or',
      criteria: [
        { kind: 'and', criteria },
        { kind: 'missing', parameter: { code, key, indexKeys }, missing: true },
      ],
    },
  ];
}
