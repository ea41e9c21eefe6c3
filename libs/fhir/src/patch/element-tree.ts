/**
 * The elements of a resource as its JSON holds them: a choice under a name with its type, a primitive in two members
 * (`birthDate` and `_birthDate`), lists as arrays, those of primitives as two of the same length.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { StructureElement } from '../definitions/structure.js';
import type { PathStep } from './locate-elements.js';

/** The parts of a FhirVersion that tell how elements are written. */
export interface Structures {
  structure(name: string): readonly StructureElement[] | undefined;
}

/** An element's value: what stands under its name, and what under its name with an underscore. */
export interface ElementValue {
  readonly value: JsonValue | undefined;
  readonly sibling?: JsonValue;
}

/** A place in a resource: a member of an object, or an item of a member that is a list. */
export interface ElementPlace {
  readonly parent: JsonObject;
  readonly parentType: string;
  /** The member's name in JSON. */
  readonly member: string;
  readonly index: number | undefined;
}

/** An object among the elements, with the name under which the version describes its members. */
export interface TypedObject {
  readonly object: JsonObject;
  readonly type: string;
}

/** Follows the steps from the resource down; undefined when the JSON does not have them. */
export function placeOf(version: Structures, root: TypedObject, steps: readonly PathStep[]): ElementPlace | undefined {
  let { object: parent, type: parentType } = root;
  let place: ElementPlace | undefined;
  for (const step of steps) {
    if (place !== undefined) {
      const next = objectAt(version, place);
      if (next === undefined) return undefined;
      ({ object: parent, type: parentType } = next);
    }
    const member = memberOf(parent, step);
    if (member === undefined) return undefined;
    place = { parent, parentType, member, index: Array.isArray(either(parent, member)) ? step.index : undefined };
  }
  return place;
}

/** The object at a place. Of a primitive it is the one that holds its id and extensions, which is made if need be. */
export function objectAt(version: Structures, place: ElementPlace): TypedObject | undefined {
  const { value } = valueAtPlace(place);
  if (isJsonObject(value)) {
    const element = version.structure(place.parentType)?.find(({ name }) => name === place.member);
    const { resourceType } = value;
    return { object: value, type: typeof resourceType === 'string' ? resourceType : (element?.type ?? 'Element') };
  }
  const { sibling } = valueAtPlace(place);
  const object = isJsonObject(sibling) ? sibling : {};
  putSibling(place, object);
  return { object, type: 'Element' };
}

export function valueAtPlace({ parent, member, index }: ElementPlace): ElementValue {
  const part = (name: string): JsonValue | undefined => {
    const whole = Object.hasOwn(parent, name) ? parent[name] : undefined;
    return index === undefined ? whole : Array.isArray(whole) ? whole[index] : undefined;
  };
  const sibling = part(`_${member}`);
  return { value: part(member), ...(sibling === undefined || sibling === null ? {} : { sibling }) };
}

/** Puts a value in the place of the one that is there, under `member` when the element has another name by then. */
export function replaceElement(place: ElementPlace, member: string, { value, sibling }: ElementValue): void {
  const { parent, index } = place;
  if (index !== undefined) {
    spliceElements(parent, place.member, index, 1, [{ value, ...(sibling === undefined ? {} : { sibling }) }]);
    return;
  }
  if (member !== place.member) removeElement(place);
  setOrDelete(parent, member, value);
  setOrDelete(parent, `_${member}`, sibling);
}

function setOrDelete(parent: JsonObject, name: string, value: JsonValue | undefined): void {
  if (value === undefined) delete parent[name];
  else parent[name] = value;
}

/** Takes an element away with both its members. */
export function removeElement({ parent, member, index }: ElementPlace): void {
  if (index !== undefined) {
    spliceElements(parent, member, index, 1, []);
    return;
  }
  delete parent[member];
  delete parent[`_${member}`];
}

/** How many elements the list `member` of `parent` has; 0 when there is none. */
export function listLength(parent: JsonObject, member: string): number {
  const lengthOf = (name: string) => {
    const list = Object.hasOwn(parent, name) ? parent[name] : undefined;
    return Array.isArray(list) ? list.length : 0;
  };
  return Math.max(lengthOf(member), lengthOf(`_${member}`));
}

/** Changes a list of elements like Array.splice, in both its members, and returns the elements that were taken out. */
export function spliceElements(
  parent: JsonObject,
  member: string,
  start: number,
  deleteCount: number,
  added: readonly ElementValue[],
): ElementValue[] {
  const length = listLength(parent, member);
  const values = spliced(
    parent,
    member,
    length,
    start,
    deleteCount,
    added.map(({ value }) => value ?? null),
  );
  const siblings = spliced(
    parent,
    `_${member}`,
    length,
    start,
    deleteCount,
    added.map(({ sibling }) => sibling ?? null),
  );
  return values.map((value, position) => {
    const sibling = siblings[position];
    return {
      value: value ?? undefined,
      ...(sibling === undefined || sibling === null ? {} : { sibling }),
    };
  });
}

/** An array of nothing but nulls says nothing and is not kept. */
function spliced(
  parent: JsonObject,
  name: string,
  length: number,
  start: number,
  deleteCount: number,
  added: readonly JsonValue[],
): JsonValue[] {
  const current = Object.hasOwn(parent, name) ? parent[name] : undefined;
  const list: JsonValue[] = Array.isArray(current) ? current : [];
  while (list.length < length) list.push(null);
  const removed = list.splice(start, deleteCount, ...added);
  if (list.some((item) => item !== null)) parent[name] = list;
  else delete parent[name];
  return removed;
}

/** The name of the member that a step leads to: of a choice, the form that is there. */
function memberOf(parent: JsonObject, { name, type }: PathStep): string | undefined {
  const candidates = [name, ...(type === undefined ? [] : [`${name}${capitalised(type)}`])];
  return candidates.find((candidate) => either(parent, candidate) !== undefined);
}

export const capitalised = (type: string): string => type.charAt(0).toUpperCase() + type.slice(1);

function either(parent: JsonObject, member: string): JsonValue | undefined {
  if (Object.hasOwn(parent, member)) return parent[member];
  return Object.hasOwn(parent, `_${member}`) ? parent[`_${member}`] : undefined;
}

function putSibling({ parent, member, index }: ElementPlace, sibling: JsonObject): void {
  const name = `_${member}`;
  if (index === undefined) {
    parent[name] = sibling;
    return;
  }
  const length = listLength(parent, member);
  const current = Object.hasOwn(parent, name) ? parent[name] : undefined;
  const list: JsonValue[] = Array.isArray(current) ? current : [];
  while (list.length < length) list.push(null);
  list[index] = sibling;
  parent[name] = list;
}
