/**
 * Which codes a value set has (https://hl7.org/fhir/R4/valueset.html#compositions): those of each `include`, without those
 * of each `exclude`. What it is made of, other value sets and code systems, is asked of a source. A set is computed in full
 * or not at all: one that needs codes of a system that is not here is refused, and the system named.
 */
import { tooCostly, unprocessable } from '../outcomes/outcome-error.js';
import { canonicalText } from './canonical.js';
import { filterConcepts } from './code-filters.js';
import type { CodeSystem, Concept } from './code-system.js';
import type { Designation } from './designation.js';
import { cannotBeComputed, isNotComputable } from './not-computable.js';
import type { CodeSelection, ExpandedCode, NamedCode, ValueSet } from './value-set.js';

/** Where value sets and code systems come from. */
export interface TerminologySource {
  /** Those of the value sets that there are, by the canonical reference with which they were asked for. */
  valueSets(canonicals: readonly string[]): Promise<ReadonlyMap<string, ValueSet>>;
  /** The same for code systems whose codes are known. */
  codeSystems(canonicals: readonly string[]): Promise<ReadonlyMap<string, CodeSystem>>;
}

/** The codes of a value set, and what they were taken from. */
export interface ValueSetCodes {
  readonly codes: readonly ExpandedCode[];
  /** Canonical references of the code systems whose contents decided, with their versions. */
  readonly systems: readonly string[];
  /** False when some of them say that they do not list all of their codes. */
  readonly isWhole: boolean;
}

/**
 * How far one value set may lead: into how many others, to how many code systems, through how many steps, and how often codes
 * may be looked at on the way.
 */
const MAX_VALUE_SETS = 200;
const MAX_SYSTEMS = 500;
const MAX_STEPS = 20;
const MAX_LOOKS = 200_000;
/** So many properties, parents and designations are looked at as quickly as one code is taken. */
const PARTS_PER_LOOK = 10;

/**
 * The codes of `valueSet`. Throws 422 when they cannot be computed, or when value sets are made of each other, and
 * `too-costly` when there are too many of them.
 */
export async function codesOfValueSet(source: TerminologySource, valueSet: ValueSet): Promise<ValueSetCodes> {
  const computation = new Computation(source);
  const codes = await computation.codesOf(valueSet, valueSet.url === undefined ? [] : [valueSet.url]);
  return { codes: [...codes.values()], systems: [...computation.systems].sort(), isWhole: computation.isWhole };
}

/** By system and code, in the order in which they are shown. */
type CodeList = ReadonlyMap<string, ExpandedCode>;

const keyOf = ({ system, code }: Pick<ExpandedCode, 'system' | 'code'>): string => `${system}|${code}`;

const byKey = (codes: readonly ExpandedCode[]): CodeList => new Map(codes.map((code) => [keyOf(code), code]));

class Computation {
  readonly systems = new Set<string>();
  isWhole = true;
  /** What value sets have come to, so that one that is needed in two places is computed once. */
  private readonly known = new Map<string, CodeList>();
  /** The code systems that have been asked for, also those that are not here. */
  private readonly knownSystems = new Map<string, CodeSystem | undefined>();
  private looked = 0;

  constructor(private readonly source: TerminologySource) {}

  /** `path` are the canonical references that lead here, the one of `valueSet` at the end. */
  async codesOf(valueSet: ValueSet, path: readonly string[]): Promise<CodeList> {
    const { compose, expansion } = valueSet;
    if (compose === undefined && expansion === undefined) {
      throw cannotBeComputed(`${nameOf(path)} does not say which codes it has.`);
    }
    try {
      if (compose !== undefined) return await this.composed(compose, path);
    } catch (error) {
      if (expansion === undefined || !isNotComputable(error)) throw error;
    }
    const codes = byKey(expansion ?? []);
    this.look(codes.size);
    return codes;
  }

  private async composed(
    { include, exclude, inactive }: NonNullable<ValueSet['compose']>,
    path: readonly string[],
  ): Promise<CodeList> {
    const selections = [...include, ...exclude];
    const parts = { systems: await this.systemsOf(selections, path), sets: await this.setsOf(selections, path), path };
    const included = unionOf(include.map((selection) => this.selected(selection, parts)));
    const systems = exclude.length === 0 ? noSystems : new Set([...included.values()].map(({ system }) => system));
    // Where nothing of a system was included, it does not matter whether its codes are known.
    const effective = exclude.filter(({ system }) => system === undefined || systems.has(system));
    if (effective.length === 0 && inactive) return included;
    const excluded = unionOf(effective.map((selection) => this.selected(selection, parts)));
    return new Map([...included].filter(([key, { isInactive }]) => (inactive || !isInactive) && !excluded.has(key)));
  }

  private async systemsOf(
    selections: readonly CodeSelection[],
    path: readonly string[],
  ): Promise<ReadonlyMap<string, CodeSystem | undefined>> {
    const known = this.knownSystems;
    const wanted = new Set(selections.flatMap((selection) => systemReference(selection) ?? []));
    const unknown = [...wanted].filter((reference) => !known.has(reference));
    if (known.size + unknown.length > MAX_SYSTEMS) {
      throw tooCostly(`${nameOf(path)} leads to more code systems than are read.`);
    }
    if (unknown.length > 0) {
      const found = await this.source.codeSystems(unknown);
      for (const reference of unknown) known.set(reference, found.get(reference));
    }
    return known;
  }

  /** The codes of the value sets that the selections name, by canonical reference. */
  private async setsOf(
    selections: readonly CodeSelection[],
    path: readonly string[],
  ): Promise<ReadonlyMap<string, CodeList>> {
    const wanted = [...new Set(selections.flatMap(({ valueSets }) => valueSets))];
    const cycle = wanted.find((canonical) => path.includes(canonical));
    if (cycle !== undefined) throw unprocessable(`The value set ${cycle} is made of itself: ${path.join(' > ')}.`);
    const unknown = wanted.filter((canonical) => !this.known.has(canonical));
    if (unknown.length > 0) {
      const tooFar = path.length >= MAX_STEPS || this.known.size + unknown.length > MAX_VALUE_SETS;
      if (tooFar) throw tooCostly(`${nameOf(path)} leads to more value sets than are followed.`);
      const found = await this.source.valueSets(unknown);
      for (const canonical of unknown) {
        const valueSet = found.get(canonical);
        if (valueSet === undefined) {
          throw cannotBeComputed(`${nameOf(path)} is made of the value set ${canonical}, which is not here.`);
        }
        this.known.set(canonical, await this.codesOf(valueSet, [...path, canonical]));
      }
    }
    return new Map(wanted.map((canonical) => [canonical, this.known.get(canonical) ?? new Map()]));
  }

  /** What one `include` or `exclude` selects: the codes that satisfy every part of it. */
  private selected(selection: CodeSelection, { systems, sets, path }: Parts): CodeList {
    const reference = systemReference(selection);
    const system = reference === undefined ? undefined : systems.get(reference);
    const others = selection.valueSets.map((canonical) => sets.get(canonical) ?? new Map<string, ExpandedCode>());
    const [first, ...further] = others;
    const own = this.ownCodes(selection, system);
    if (own === undefined && (first === undefined || selection.filters.length > 0)) {
      throw reference === undefined
        ? unprocessable(`${nameOf(path)} has a part that names neither a code system nor a value set.`)
        : cannotBeComputed(`${nameOf(path)} needs the codes of ${reference}, which are not here.`);
    }
    if (own === undefined) this.look(first?.size ?? 0);
    const start = own ?? (first === undefined ? noCodes : ofSystem(first, selection.system));
    const rest = own === undefined ? further : others;
    this.look(start.size * (1 + rest.length));
    if (rest.length === 0) return start;
    return new Map([...start].filter(([key]) => rest.every((codes) => codes.has(key))));
  }

  /** The codes that it takes of its system; undefined when those of the system have to be known and are not. */
  private ownCodes(
    { system: url, version, codes, filters }: CodeSelection,
    system: CodeSystem | undefined,
  ): CodeList | undefined {
    if (url === undefined) return undefined;
    if (codes !== undefined && filters.length === 0) {
      const named = codes.map((code) => ({ code, concept: system?.concepts.get(code.code) }));
      // A concept may be named as often as somebody likes, and its designations are copied where the value set has others.
      const copied = named.map(({ code, concept }) => copiedDesignations(code, concept));
      this.look(codes.length + copied.reduce((sum, count) => sum + count, 0) / PARTS_PER_LOOK);
      return byKey(named.map(({ code, concept }) => namedCode(url, version, code, concept)));
    }
    if (system === undefined) return undefined;
    const { concepts: all, size } = system;
    this.look(filters.length === 0 ? all.size : Math.max(all.size, size / PARTS_PER_LOOK) * filters.length);
    this.systems.add(canonicalText({ url, ...(system.version === undefined ? {} : { version: system.version }) }));
    if (!system.isWhole) this.isWhole = false;
    const concepts = filters.length === 0 ? [...all.values()] : filterConcepts(system, filters);
    const listed = codes === undefined ? undefined : new Set(codes.map(({ code }) => code));
    const chosen = listed === undefined ? concepts : concepts.filter(({ code }) => listed.has(code));
    return byKey(chosen.map((concept) => expandedConcept(url, version, concept)));
  }

  /** Counts how often a code is looked at. Throws `too-costly` when it is too much for one request. */
  private look(times: number): void {
    this.looked += times;
    if (this.looked > MAX_LOOKS) throw tooCostly('The value set is made of too many codes, or by too many rules.');
  }
}

/** What the selections of one value set refer to. */
interface Parts {
  readonly systems: ReadonlyMap<string, CodeSystem | undefined>;
  readonly sets: ReadonlyMap<string, CodeList>;
  readonly path: readonly string[];
}

const noCodes: CodeList = new Map();
const noSystems: ReadonlySet<string> = new Set();

/** The codes of all lists, each where it comes first. */
function unionOf(lists: readonly CodeList[]): CodeList {
  const [first = noCodes, ...further] = lists;
  if (further.length === 0) return first;
  const union = new Map(first);
  for (const list of further) {
    for (const [key, code] of list) if (!union.has(key)) union.set(key, code);
  }
  return union;
}

const nameOf = (path: readonly string[]): string =>
  path.length === 0 ? 'The value set' : `The value set ${path.at(-1)}`;

function systemReference({ system, version }: CodeSelection): string | undefined {
  return system === undefined
    ? undefined
    : canonicalText({ url: system, ...(version === undefined ? {} : { version }) });
}

const ofSystem = (codes: CodeList, system: string | undefined): CodeList =>
  system === undefined ? codes : new Map([...codes].filter(([, code]) => code.system === system));

/** A code that the value set names: it may say itself how it is shown. */
function namedCode(
  system: string,
  version: string | undefined,
  { code, display, designations }: NamedCode,
  concept: Concept | undefined,
): ExpandedCode {
  const shown = display ?? concept?.display;
  return {
    system,
    ...(version === undefined ? {} : { version }),
    code,
    ...(shown === undefined ? {} : { display: shown }),
    designations: joined(designations, concept?.designations ?? []),
    isInactive: concept?.isInactive ?? false,
    isAbstract: concept?.isAbstract ?? false,
  };
}

/** Those of the value set first. The one that is empty takes nothing, however often it is asked for. */
function joined(own: readonly Designation[], others: readonly Designation[]): readonly Designation[] {
  if (own.length === 0) return others;
  return others.length === 0 ? own : [...own, ...others];
}

/** How many designations are copied when they are joined. */
const copiedDesignations = ({ designations: own }: NamedCode, concept: Concept | undefined): number =>
  own.length === 0 || concept === undefined || concept.designations.length === 0
    ? 0
    : own.length + concept.designations.length;

function expandedConcept(system: string, version: string | undefined, concept: Concept): ExpandedCode {
  const { code, display, designations, isInactive, isAbstract } = concept;
  return {
    system,
    ...(version === undefined ? {} : { version }),
    code,
    ...(display === undefined ? {} : { display }),
    designations,
    isInactive,
    isAbstract,
  };
}
