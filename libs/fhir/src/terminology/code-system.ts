/**
 * A CodeSystem in the form in which expansions look at it (https://hl7.org/fhir/R4/codesystem.html). Whatever the resource
 * holds is read as far as it makes sense: it may have been stored by anybody, and a policy may have taken parts of it.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { tooCostly } from '../outcomes/outcome-error.js';
import { type Designation, readDesignations } from './designation.js';

export interface Concept {
  readonly code: string;
  readonly display?: string;
  readonly designations: readonly Designation[];
  /** Codes of the concepts directly above it; a concept may have several. */
  readonly parents: ReadonlySet<string>;
  /** Properties with their values as text. */
  readonly properties: readonly (readonly [code: string, value: string])[];
  /** Whether it should not be used any more. */
  readonly isInactive: boolean;
  /** Whether it only groups others and should not be selected. */
  readonly isAbstract: boolean;
}

export interface CodeSystem {
  readonly url: string;
  readonly version?: string;
  /** Whether these are all codes of the system: not, when the resource says that it is a fragment or an example. */
  readonly isWhole: boolean;
  /** By code, in the order of the resource: each concept before those that are nested in it. */
  readonly concepts: ReadonlyMap<string, Concept>;
  /** The codes of the properties that the system declares. */
  readonly properties: ReadonlySet<string>;
  /** How many concepts, properties, designations and parents of concepts it has in all. */
  readonly size: number;
}

/**
 * The most that `size` may be, of one and of all that are held at once: each part takes some 300 bytes, in a process that serves
 * everybody.
 */
const MAX_SIZE = 500_000;

/** What of the resource says that codes are listed in it (https://hl7.org/fhir/R4/valueset-codesystem-content-mode.html). */
const contents: ReadonlySet<JsonValue | undefined> = new Set(['complete', 'fragment', 'example']);

/** `readCodeSystem` for code systems that are needed together, which may be as large in all as one may be by itself. */
export function codeSystemReader(): (resource: JsonObject) => CodeSystem | undefined {
  let left = MAX_SIZE;
  return (resource) => {
    const system = readCodeSystem(resource, left);
    left -= system?.size ?? 0;
    return system;
  };
}

/**
 * Reads a CodeSystem resource; undefined when it lists no codes, as one that only describes a system. Throws `too-costly` for
 * one that is too large to be read.
 */
export function readCodeSystem(resource: JsonObject, maxSize = MAX_SIZE): CodeSystem | undefined {
  const { url, version, content, concept, property } = resource;
  if (typeof url !== 'string' || !contents.has(content) || !Array.isArray(concept)) return undefined;
  const declared = declaredProperties(property);
  return {
    url,
    ...(typeof version === 'string' ? { version } : {}),
    isWhole: content === 'complete',
    ...readConcepts(concept, declared, maxSize),
    properties: declared.codes,
  };
}

interface DeclaredProperties {
  readonly codes: ReadonlySet<string>;
  /** Those by which a concept names the ones above and below it. */
  readonly parent: ReadonlySet<string>;
  readonly child: ReadonlySet<string>;
}

/** The standard's own properties (https://hl7.org/fhir/R4/codesystem-concept-properties.html), by the end of their URIs. */
function declaredProperties(property: JsonValue | undefined): DeclaredProperties {
  const codes = new Set<string>();
  const parent = new Set(['parent', 'subsumedBy']);
  const child = new Set(['child']);
  for (const declared of objectsOf(property)) {
    const { code, uri } = declared;
    if (typeof code !== 'string') continue;
    codes.add(code);
    if (uri === 'http://hl7.org/fhir/concept-properties#parent') parent.add(code);
    if (uri === 'http://hl7.org/fhir/concept-properties#child') child.add(code);
  }
  return { codes, parent, child };
}

/** A concept that is still being read. */
interface DraftConcept {
  code: string;
  display?: string;
  designations: readonly Designation[];
  parents: Set<string>;
  properties: [string, string][];
  isInactive: boolean;
  isAbstract: boolean;
}

/** Nesting is as deep as whoever stored it likes, so it is walked without recursion. */
function readConcepts(
  concept: JsonValue[],
  declared: DeclaredProperties,
  maxSize: number,
): Pick<CodeSystem, 'concepts' | 'size'> {
  const concepts = new Map<string, DraftConcept>();
  let size = 0;
  const named: { parent: string; child: string }[] = [];
  const waiting: { value: JsonValue; parent?: string }[] = concept.toReversed().map((value) => ({ value }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, parent } = next;
    if (!isJsonObject(value) || typeof value.code !== 'string') continue;
    const { code } = value;
    const known = concepts.get(code);
    const draft = known ?? readConcept(code, value);
    if (parent !== undefined) draft.parents.add(parent);
    size += 1;
    if (known === undefined) {
      concepts.set(code, draft);
      size += draft.properties.length + draft.designations.length;
      for (const [name, other] of draft.properties) {
        if (declared.parent.has(name)) named.push({ parent: other, child: code });
        if (declared.child.has(name)) named.push({ parent: code, child: other });
      }
    }
    if (size > maxSize) throw tooCostly('The value set needs code systems that are too large to be read.');
    if (!Array.isArray(value.concept)) continue;
    for (const nested of value.concept.toReversed()) waiting.push({ value: nested, parent: code });
  }
  for (const { parent, child } of named) {
    const parents = concepts.get(child)?.parents;
    if (concepts.has(parent)) parents?.add(parent);
  }
  return { concepts, size: size + named.length };
}

function readConcept(code: string, { display, designation, property }: JsonObject): DraftConcept {
  const properties = objectsOf(property).flatMap((one): [string, string][] => {
    const value = valueText(one);
    return typeof one.code === 'string' && value !== undefined ? [[one.code, value]] : [];
  });
  const has = (name: string, ...values: string[]) =>
    properties.some(([other, value]) => other === name && values.includes(value));
  return {
    code,
    ...(typeof display === 'string' ? { display } : {}),
    designations: readDesignations(designation),
    parents: new Set(),
    properties,
    isInactive: has('inactive', 'true') || has('status', 'retired', 'inactive'),
    isAbstract: has('notSelectable', 'true') || has('abstract', 'true'),
  };
}

/** The value of a property: of a Coding its code. */
function valueText(property: JsonObject): string | undefined {
  const value = Object.entries(property).find(([name]) => name.startsWith('value'))?.[1];
  if (isJsonObject(value)) return typeof value.code === 'string' ? value.code : undefined;
  return value === undefined || value === null || Array.isArray(value) ? undefined : String(value);
}

const objectsOf = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];

/** By code, the codes of the concepts directly below it, in the order of the system. */
export function childrenOf({ concepts }: CodeSystem): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>();
  for (const { code, parents } of concepts.values()) {
    for (const parent of parents) {
      const siblings = children.get(parent);
      if (siblings === undefined) children.set(parent, [code]);
      else siblings.push(code);
    }
  }
  return children;
}

/** Every code that is reached from `code` by `next`, without itself unless it is reached again. Cycles end. */
export function reachedFrom(code: string, next: (code: string) => Iterable<string>): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [code];
  for (let other = waiting.pop(); other !== undefined; other = waiting.pop()) {
    for (const near of next(other)) {
      if (reached.has(near)) continue;
      reached.add(near);
      waiting.push(near);
    }
  }
  return reached;
}
