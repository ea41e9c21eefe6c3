/**
 * Tests for invariants that stand on every resource or reference, or whose expressions are beyond the compiler. Most look
 * for a quick yes and leave anything else to HL7's own expression. Others say no by themselves, because the expression
 * - fails in R4 and R4B (dom-3: `as(canonical)` on several items), overlooks a case in R4 (ref-1: `#`; que-7: it asks for
 *   FHIRPath's Boolean and not for FHIR's), or does not say what its text says (txt-2: it is that of txt-1), or
 * - takes time that grows with the square of the resource's size, which one client could use against all.
 *
 * A test applies in all versions that have the key, however they word the expression; unit tests hold each to fhirpath.
 */
import { dateInterval } from '../../dates/date-interval.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json-value.js';
import type { InvariantTest, Scope } from './invariant-test.js';
import type { Item } from './paths.js';
import { hasNarrativeContent, isPlainNarrative } from './narrative.js';

/** By key, for elements that are objects. */
const known: Record<string, (element: JsonObject, scope: Scope) => boolean | undefined> = {
  'dom-2': ({ contained }) => each(contained, (resource) => resource.contained === undefined),
  'dom-3': isEachContainedReferenced,
  'dom-4': ({ contained }) => each(contained, ({ meta }) => !has(meta, 'versionId', 'lastUpdated')),
  'dom-5': ({ contained }) => each(contained, ({ meta }) => !has(meta, 'security')),
  'ref-1': isReferenceFound,
  'per-1': ({ start, end }) => isNotAfter(start, end),
  'rng-2': ({ low, high }) => isQuantityNotAbove(low, high),
  'obs-7': hasNoComponentWithOwnCode,
  'bdl-7': ({ type, entry }) => type === 'history' || areDistinct(entryIdentities(entry)),
  'cpb-7': ({ document }) => areDistinct(documentIdentities(document)),
  'ras-2': ({ probabilityDecimal: probability }) => yesIf(typeof probability !== 'number' || probability <= 100),
  'exp-2': ({ name, _name }) => yesIf(name === undefined && _name === undefined),
  'bdl-16': ({ issues }) => yesIf(issues === undefined),
  'eld-2': ({ min, max }) => yesIf(min === undefined || max === undefined || max === '*' || Number(min) <= Number(max)),
  'eld-16': ({ sliceName }) => yesIf(typeof sliceName !== 'string' || /^[\w/\-[\]@]+$/.test(sliceName)),
  'eld-19': ({ path }) => yesIf(/^\w{1,64}(\.\w{1,64}(\[x\])?)*$/.test(textOf(path))),
  'eld-28': ({ valueAlternatives }) => yesIf(valueAlternatives === undefined),
  'sdf-8': hasPathsBelowFirst,
  'sdf-8a': hasPathsBelowFirst,
  'qrs-2': ({ item, answer }) => each(item, hasDistinctAnsweredItems) && each(answer, hasDistinctAnsweredItems),
  'que-7': ({ operator, answerBoolean, _answerBoolean }) =>
    operator !== 'exists' || answerBoolean !== undefined || _answerBoolean !== undefined,
  'que-2': (questionnaire) => areDistinct(membersCalled('linkId', questionnaire, 'item')),
  'csd-1': ({ concept }) => areDistinct(membersCalled('code', concept, 'concept')),
};

const knownOfText: Record<string, (element: string) => boolean | undefined> = {
  'eld-3': (max) => yesIf(/^(\*|\d{1,9})$/.test(max)),
  'txt-1': (div) => yesIf(isPlainNarrative(div)),
  'txt-2': hasNarrativeContent,
};

/** The test for the invariant with this key, if there is one here; `judge` decides where it does not say yes. */
export function knownInvariant(key: string, judge: InvariantTest): InvariantTest | undefined {
  const [ofObject, ofText] = [known[key], knownOfText[key]];
  if (!ofObject && !ofText) return undefined;
  const test = (element: Item, scope: Scope) =>
    typeof element === 'string' ? ofText?.(element) : isJsonObject(element) ? ofObject?.(element, scope) : undefined;
  return (element, scope) => test(element, scope) ?? judge(element, scope);
}

/** The text of a primitive; empty where the element has extensions only. */
function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function yesIf(condition: boolean): true | undefined {
  return condition || undefined;
}

function each(list: JsonValue | undefined, holds: (item: JsonObject) => boolean): boolean {
  return !Array.isArray(list) || list.every((item) => !isJsonObject(item) || holds(item));
}

function has(object: JsonValue | undefined, ...names: string[]): boolean {
  return isJsonObject(object) && names.some((name) => object[name] !== undefined || object[`_${name}`] !== undefined);
}

/**
 * Each contained resource is referred to by the resource, or refers to it (https://hl7.org/fhir/R4/references.html#contained).
 * Any text that begins with `#` counts as a reference: those of other types than uri are rare, and harmless here.
 */
function isEachContainedReferenced(resource: JsonObject): boolean {
  const { contained } = resource;
  if (!Array.isArray(contained)) return true;
  const references = new Set<string>();
  collectFragments(resource, references);
  return contained.every((item) => {
    if (!isJsonObject(item)) return true;
    if (typeof item.id === 'string' && references.has(`#${item.id}`)) return true;
    const own = new Set<string>();
    collectFragments(item, own);
    return own.has('#');
  });
}

function collectFragments(value: JsonValue | undefined, found: Set<string>): void {
  if (typeof value === 'string') {
    if (value.startsWith('#')) found.add(value);
  } else if (Array.isArray(value)) for (const item of value) collectFragments(item, found);
  else if (isJsonObject(value)) for (const name of Object.keys(value)) collectFragments(value[name], found);
}

/**
 * A reference to a fragment means a contained resource of the same root, and `#` alone the root itself, which only
 * contained resources have occasion to say (the expression of R4 overlooks that).
 */
function isReferenceFound({ reference }: JsonObject, { resource, rootResource }: Scope): boolean | undefined {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return true;
  if (reference === '#') return yesIf(resource !== rootResource);
  return containedIds(rootResource).has(reference.slice(1));
}

const idsOfContained = new WeakMap<JsonObject, Set<JsonValue | undefined>>();

/** The ids of the contained resources, looked up once: a resource may have many references. */
function containedIds(rootResource: JsonObject): Set<JsonValue | undefined> {
  let ids = idsOfContained.get(rootResource);
  if (!ids) {
    const { contained } = rootResource;
    ids = new Set(Array.isArray(contained) ? contained.filter(isJsonObject).map(({ id }) => id) : []);
    idsOfContained.set(rootResource, ids);
  }
  return ids;
}

function isNotAfter(start: JsonValue | undefined, end: JsonValue | undefined): true | undefined {
  if (start === undefined || end === undefined) return true;
  const [first, second] = [start, end].map((text) => (typeof text === 'string' ? dateInterval(text) : undefined));
  return yesIf(first !== undefined && second !== undefined && first.start <= second.start);
}

function isQuantityNotAbove(low: JsonValue | undefined, high: JsonValue | undefined): true | undefined {
  if (low === undefined || high === undefined) return true;
  if (!isJsonObject(low) || !isJsonObject(high)) return undefined;
  const sameUnit = low.code === high.code && low.system === high.system && low.unit === high.unit;
  const { value } = low;
  return yesIf(sameUnit && typeof value === 'number' && typeof high.value === 'number' && value <= high.value);
}

/** An Observation with a value has no component with one of its own codings, whose value that would be. */
function hasNoComponentWithOwnCode(observation: JsonObject): boolean {
  const { component, code } = observation;
  if (!Array.isArray(component) || !Object.keys(observation).some((name) => /^_?value[A-Z]/.test(name))) return true;
  const own = new Set(codingsOf(code));
  return each(component, (item) => codingsOf(item.code).every((coding) => !own.has(coding)));
}

/** The codings of a CodeableConcept, as texts that are equal when the codings are. */
function codingsOf(concept: JsonValue | undefined): string[] {
  const coding = isJsonObject(concept) ? concept.coding : undefined;
  if (!Array.isArray(coding)) return [];
  return coding
    .filter(isJsonObject)
    .map((item) => JSON.stringify(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** What tells the entries of a Bundle apart, for those that have a fullUrl. */
function entryIdentities(entries: JsonValue | undefined): string[] {
  if (!Array.isArray(entries)) return [];
  return entries
    .filter(isJsonObject)
    .filter(({ fullUrl }) => fullUrl !== undefined)
    .map(({ fullUrl, resource }) => {
      const meta = isJsonObject(resource) ? resource.meta : undefined;
      return `${textOf(fullUrl)}|${isJsonObject(meta) ? textOf(meta.versionId) : ''}`;
    });
}

/** What tells the documents of a CapabilityStatement apart: their profile, and whether they are written or read. */
function documentIdentities(documents: JsonValue | undefined): string[] {
  if (!Array.isArray(documents)) return [];
  return documents.filter(isJsonObject).map(({ profile, mode }) => `${textOf(profile)}|${textOf(mode)}`);
}

/**
 * A snapshot is about the type that the StructureDefinition says, and all its elements are below the first one; those of
 * a differential are below the first one's type.
 */
function hasPathsBelowFirst({ element }: JsonObject, { resource }: Scope): boolean {
  const elements = Array.isArray(element) ? element.filter(isJsonObject) : [];
  const [first = '', ...others] = elements.map(({ path }) => textOf(path));
  const isDifferential = isJsonObject(resource.differential) && resource.differential.element === element;
  const [root = ''] = isDifferential ? first.split('.') : [first];
  const isOfType = isDifferential ? first.startsWith(textOf(resource.type)) : first === resource.type;
  return (resource.kind === 'logical' || isOfType) && others.every((path) => path.startsWith(`${root}.`));
}

/** Neither the element itself nor one below it has two items for one question, both with answers. */
function hasDistinctAnsweredItems(element: JsonObject): boolean {
  const { item, answer } = element;
  const answered = Array.isArray(item) ? item.filter((child) => isJsonObject(child) && hasAnswer(child)) : [];
  const below = (list: JsonValue | undefined) => each(list, hasDistinctAnsweredItems);
  return areDistinct(membersCalled('linkId', answered)) && below(item) && below(answer);
}

function hasAnswer({ answer }: JsonObject): boolean {
  return !each(answer, (given) => !Object.keys(given).some((name) => /^_?value[A-Z]/.test(name)));
}

/** The values of the members called `name` in an object or list of them, and in what is below by the member `nested`. */
function membersCalled(
  name: string,
  value: JsonValue | undefined,
  nested?: string,
  found: JsonValue[] = [],
): JsonValue[] {
  if (Array.isArray(value)) for (const item of value) membersCalled(name, item, nested, found);
  else if (isJsonObject(value)) {
    const member = value[name];
    if (member !== undefined) found.push(member);
    if (nested !== undefined) membersCalled(name, value[nested], nested, found);
  }
  return found;
}

function areDistinct(values: JsonValue[]): boolean {
  return new Set(values).size === values.length;
}
