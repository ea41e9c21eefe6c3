/**
 * The definition resources that every project has without storing them: those of its FHIR version and of the platform's
 * own types. They are found by the members that the version keeps at hand (`url`, `name`, `code`, `base`, …) and by id;
 * a search by anything else, or by when they last changed, is about the project's own resources alone.
 */
import { setImmediate } from 'node:timers/promises';
import { tooCostly, type DefinitionResource, type DefinitionType, type FhirVersion, type JsonObject } from '#fhir';
import { matchesCriteria, type Criterion, type SortKey } from '#fhir-search';
import type { StoredVersion } from '../stored-version.js';

const definitionTypes = {
  StructureDefinition: true,
  SearchParameter: true,
  OperationDefinition: true,
  CompartmentDefinition: true,
} satisfies Record<DefinitionType, true>;

/** Whether there are built-in resources of the type. */
export const isDefinitionType = (type: string): type is DefinitionType => Object.hasOwn(definitionTypes, type);

/** What is known of the definitions of one type without unpacking their texts. */
interface Shelf {
  readonly byId: ReadonlyMap<string, DefinitionResource>;
  /** Each with the members that searches look at, in the form of the resource. */
  readonly known: readonly { readonly definition: DefinitionResource; readonly value: JsonObject }[];
  /** The codes of the search parameters over those members. */
  readonly codes: ReadonlySet<string>;
}

const shelves = new WeakMap<FhirVersion, Map<DefinitionType, Shelf>>();

function shelfOf(version: FhirVersion, type: DefinitionType): Shelf {
  const ofVersion = shelves.get(version) ?? new Map<DefinitionType, Shelf>();
  shelves.set(version, ofVersion);
  let shelf = ofVersion.get(type);
  if (shelf === undefined) {
    shelf = makeShelf(version.definitions(type));
    ofVersion.set(type, shelf);
  }
  return shelf;
}

function makeShelf(definitions: readonly DefinitionResource[]): Shelf {
  return {
    byId: new Map(definitions.map((definition) => [definition.id, definition])),
    known: definitions.map((definition) => ({ definition, value: knownMembers(definition) })),
    codes: new Set(['_id', ...definitions.flatMap(({ keys }) => Object.keys(keys))]),
  };
}

function knownMembers({ type, id, keys }: DefinitionResource): JsonObject {
  const members = Object.entries(keys).map(([name, values]) => {
    const typed = values.map((value) => (value === 'true' || value === 'false' ? value === 'true' : value));
    return [name, typed.length === 1 && name !== 'base' ? typed[0] : typed] as const;
  });
  return { ...(Object.fromEntries(members) as JsonObject), resourceType: type, id };
}

/** The built-in resource with this identity; undefined when there is none. */
export function findDefinition(version: FhirVersion, type: string, id: string): StoredVersion | undefined {
  if (!isDefinitionType(type)) return undefined;
  const found = shelfOf(version, type).byId.get(id);
  return found === undefined ? undefined : versionOfDefinition(found);
}

/** How many values of a search are compared, with one definition each, before others get their turn. */
const comparedInARow = 10_000;

/** How long one search may work on them, the turns of others not counted. */
const maxMilliseconds = 2_000;

/**
 * The built-in resources of a type that satisfy the criteria, in the order of `sort`, else in the version's own. Others get
 * their turn meanwhile. Throws `too-costly` when the work takes longer than it may.
 */
export async function matchingDefinitions(
  version: FhirVersion,
  type: DefinitionType,
  criteria: readonly Criterion[],
  sort: readonly SortKey[],
  allowed = maxMilliseconds,
): Promise<DefinitionResource[]> {
  const { known, codes } = shelfOf(version, type);
  if (!criteria.every((criterion) => isAbout(codes, criterion))) return [];
  const inARow = Math.max(1, Math.floor(comparedInARow / Math.max(1, valuesIn(criteria))));
  const matches: DefinitionResource[] = [];
  let spent = 0;
  for (let start = 0; start < known.length; start += inARow) {
    if (start > 0) await setImmediate();
    if (spent > allowed) throw tooCostly('The search takes too long; ask for fewer values at a time');
    const began = performance.now();
    for (const { definition, value } of known.slice(start, start + inARow)) {
      if (matchesCriteria(version, criteria, value)) matches.push(definition);
    }
    spent += performance.now() - began;
  }
  return inOrder(matches, sort);
}

/** With how many values a resource is compared that satisfies none of the criteria. */
function valuesIn(criteria: readonly Criterion[]): number {
  let values = 0;
  for (const criterion of criteria) {
    if (criterion.kind === 'and' || criterion.kind === 'or') values += valuesIn(criterion.criteria);
    else if (criterion.kind === 'not') values += valuesIn([criterion.criterion]);
    else if (criterion.kind === 'id') values += criterion.ids.length;
    else if ('tests' in criterion) values += criterion.tests.length;
    else values += 'values' in criterion ? criterion.values.length : 1;
  }
  return values;
}

/** Criteria on the values of one parameter that are compared with the member itself. */
const kindsOfOneMember: ReadonlySet<Criterion['kind']> = new Set(['missing', 'token', 'string', 'date', 'uri']);

/** Whether a criterion can be judged by the members that are at hand. */
function isAbout(codes: ReadonlySet<string>, criterion: Criterion): boolean {
  if (criterion.kind === 'id') return true;
  if (criterion.kind === 'and' || criterion.kind === 'or')
    return criterion.criteria.every((part) => isAbout(codes, part));
  if (criterion.kind === 'not') return isAbout(codes, criterion.criterion);
  return kindsOfOneMember.has(criterion.kind) && 'parameter' in criterion && codes.has(criterion.parameter.code);
}

function inOrder(definitions: DefinitionResource[], sort: readonly SortKey[]): DefinitionResource[] {
  if (sort.length === 0) return definitions;
  return definitions.toSorted((a, b) => {
    for (const key of sort) {
      const order = compare(keyOf(a, key), keyOf(b, key), key.descending);
      if (order !== 0) return order;
    }
    return 0;
  });
}

const keyOf = ({ id, keys }: DefinitionResource, { code }: SortKey): string | undefined =>
  code === '_id' ? id : keys[code]?.[0];

/** Resources without a value come last in both directions. */
function compare(a: string | undefined, b: string | undefined, descending: boolean): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b === descending ? 1 : -1;
}

/** A built-in resource as the store gives it out. Its version is 0, which no stored resource has. */
export function versionOfDefinition(definition: DefinitionResource): StoredVersion {
  const body = definition.text();
  const lastUpdated = /"lastUpdated":"([^"]+)"/.exec(body)?.[1] ?? '';
  const { type, id } = definition;
  return { type, id, versionId: '0', lastUpdated, deleted: false, body, extendedMeta: '' };
}
