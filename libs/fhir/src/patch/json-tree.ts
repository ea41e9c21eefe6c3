/** Looking up and changing places in a JSON value, for patches. Only members of the value itself are ever touched. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';

export type Container = JsonValue[] | JsonObject;

/** An object or array; neither a scalar nor nothing. */
export const isContainer = (value: JsonValue | undefined): value is Container =>
  Array.isArray(value) || isJsonObject(value);

/** A string as it is; empty for everything else. */
export const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

const indexForm = /^(?:0|[1-9]\d{0,8})$/;

/** What `token` (a member name, or an index as text) means in `value`; undefined when there is no such place. */
function childOf(value: JsonValue | undefined, token: string): JsonValue | undefined {
  if (Array.isArray(value)) return indexForm.test(token) ? value[Number(token)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
}

/** The value at the end of `tokens`; undefined when there is no such place. */
export const valueAt = (root: JsonValue, tokens: readonly string[]): JsonValue | undefined =>
  tokens.reduce<JsonValue | undefined>((value, token) => childOf(value, token), root);

/**
 * Puts `value` into `container`: an array gets longer (`-` is behind its end), a member of an object is replaced. False,
 * and nothing has happened, when there can be no such place.
 */
export function insertAt(container: Container, token: string, value: JsonValue): boolean {
  if (!Array.isArray(container)) return setMember(container, token, value);
  const index = token === '-' ? container.length : indexForm.test(token) ? Number(token) : NaN;
  if (!(index <= container.length)) return false;
  container.splice(index, 0, value);
  return true;
}

/** Puts `value` in the place of the one that is there. False, and nothing has happened, when there is none. */
export function replaceAt(container: Container, token: string, value: JsonValue): boolean {
  if (childOf(container, token) === undefined) return false;
  if (!Array.isArray(container)) return setMember(container, token, value);
  container[Number(token)] = value;
  return true;
}

/** Takes away the value that is there. False, and nothing has happened, when there is none. */
export function removeAt(container: Container, token: string): boolean {
  if (childOf(container, token) === undefined) return false;
  if (Array.isArray(container)) container.splice(Number(token), 1);
  else delete container[token];
  return true;
}

const itemsOf = (value: JsonValue): JsonValue[] =>
  Array.isArray(value)
    ? value
    : isJsonObject(value)
      ? Object.values(value).filter((member): member is JsonValue => member !== undefined)
      : [];

/** How many objects and arrays lie in one another in `value`: 0 for a scalar. */
export const depthOf = (value: JsonValue): number =>
  isContainer(value) ? 1 + itemsOf(value).reduce<number>((deepest, item) => Math.max(deepest, depthOf(item)), 0) : 0;

/** About how many characters `value` takes as a text. */
export const weightOf = (value: JsonValue): number =>
  (typeof value === 'string' ? value.length : 0) +
  itemsOf(value).reduce<number>((sum, item) => sum + weightOf(item), 4);

/** `value` without the empty objects and arrays in it, which FHIR's JSON does not have; undefined when that is nothing. */
export function withoutEmpties(value: JsonValue): JsonValue | undefined {
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) {
    const items = value.map(withoutEmpties).filter((item) => item !== undefined);
    return items.length > 0 ? items : undefined;
  }
  const members = Object.entries(value).flatMap(([name, member]) => {
    const kept = member === undefined ? undefined : withoutEmpties(member);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return members.length > 0 ? Object.fromEntries(members) : undefined;
}

function setMember(object: JsonObject, name: string, value: JsonValue): boolean {
  // Setting it would change what the object inherits instead of adding a member. No resource has such an element.
  if (name === '__proto__') return false;
  object[name] = value;
  return true;
}
