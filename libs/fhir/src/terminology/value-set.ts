/**
 * A ValueSet in the form in which expansions look at it (https://hl7.org/fhir/R4/valueset.html). Like a CodeSystem it is
 * read as far as it makes sense.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { CodeFilter } from './code-filters.js';
import { type Designation, readDesignations } from './designation.js';

/** A code that a value set names itself. */
export interface NamedCode {
  readonly code: string;
  readonly display?: string;
  readonly designations: readonly Designation[];
}

/** An `include` or `exclude`: codes of a system, of other value sets, or of both at once. */
export interface CodeSelection {
  readonly system?: string;
  readonly version?: string;
  /** Those codes alone; undefined for all codes, as far as `filters` let them. */
  readonly codes?: readonly NamedCode[];
  readonly filters: readonly CodeFilter[];
  /** Canonical references of value sets that must all have the code. */
  readonly valueSets: readonly string[];
}

/** A code of an expansion that the resource brings along. */
export interface ExpandedCode extends NamedCode {
  readonly system: string;
  readonly version?: string;
  readonly isInactive: boolean;
  readonly isAbstract: boolean;
}

export interface ValueSet {
  readonly url?: string;
  /** The members by which an answer says which value set was expanded. */
  readonly about: JsonObject;
  /** Undefined when the resource does not say what it is made of. */
  readonly compose?: {
    readonly definition: JsonObject;
    readonly include: readonly CodeSelection[];
    readonly exclude: readonly CodeSelection[];
    /** False when codes that should not be used any more are no part of the set. */
    readonly inactive: boolean;
  };
  /** An expansion that the resource brings along whole. */
  readonly expansion?: readonly ExpandedCode[];
}

const aboutMembers = ['id', 'url', 'version', 'name', 'title', 'status', 'experimental', 'copyright'];

/** Reads a ValueSet resource. */
export function readValueSet(resource: JsonObject): ValueSet {
  const { url, compose, expansion } = resource;
  const about = aboutMembers.flatMap((name) => (resource[name] === undefined ? [] : [[name, resource[name]] as const]));
  const expanded = isJsonObject(expansion) ? readExpansion(expansion) : undefined;
  return {
    ...(typeof url === 'string' ? { url } : {}),
    about: Object.fromEntries(about),
    ...(isJsonObject(compose)
      ? {
          compose: {
            definition: compose,
            include: objectsOf(compose.include).map(readSelection),
            exclude: objectsOf(compose.exclude).map(readSelection),
            inactive: compose.inactive !== false,
          },
        }
      : {}),
    ...(expanded === undefined ? {} : { expansion: expanded }),
  };
}

function readSelection({ system, version, concept, filter, valueSet }: JsonObject): CodeSelection {
  return {
    ...textsOf({ system, version }),
    ...(Array.isArray(concept) ? { codes: concept.filter(isJsonObject).flatMap(readCode) } : {}),
    filters: objectsOf(filter).map(({ property, op, value }) => ({
      property: textOf(property),
      op: textOf(op),
      value: textOf(value),
    })),
    valueSets: Array.isArray(valueSet) ? valueSet.filter((url) => typeof url === 'string') : [],
  };
}

function readCode({ code, display, designation }: JsonObject): NamedCode[] {
  if (typeof code !== 'string') return [];
  return [{ code, ...textsOf({ display }), designations: readDesignations(designation) }];
}

/** Parameters of an expansion that leave codes out; those of flags do when they are true. */
const narrowing: ReadonlySet<JsonValue | undefined> = new Set(['filter', 'activeOnly', 'excludeNotForUI']);

/** The codes, nested or not; undefined when it is only a page of them, or what somebody looked for among them. */
function readExpansion({ contains, total, offset, parameter }: JsonObject): readonly ExpandedCode[] | undefined {
  if (!Array.isArray(contains) || (typeof offset === 'number' && offset > 0)) return undefined;
  if (objectsOf(parameter).some(({ name, valueBoolean }) => narrowing.has(name) && valueBoolean !== false)) {
    return undefined;
  }
  const found: ExpandedCode[] = [];
  const waiting = contains.toReversed();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!isJsonObject(next)) continue;
    const { system, version, inactive, abstract } = next;
    if (Array.isArray(next.contains)) for (const nested of next.contains.toReversed()) waiting.push(nested);
    if (typeof system !== 'string') continue;
    for (const code of readCode(next)) {
      found.push({
        ...code,
        system,
        ...textsOf({ version }),
        isInactive: inactive === true,
        isAbstract: abstract === true,
      });
    }
  }
  return typeof total === 'number' && total > found.length ? undefined : found;
}

/** Those of the members that are texts. */
function textsOf<Name extends string>(members: Record<Name, JsonValue | undefined>): Partial<Record<Name, string>> {
  const texts = Object.entries<JsonValue | undefined>(members).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts) as Partial<Record<Name, string>>;
}

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

const objectsOf = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];
