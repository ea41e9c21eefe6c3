/**
 * What a step of a path finds, by the structure of the version. Types are known before any resource is seen, so that a
 * step is a list of JSON members to look at.
 */
import type { StructureElement } from '../../definitions/structure.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json-value.js';

/** Stands for a primitive that has an extension but no value. */
export const noValue = Symbol('a primitive without a value');

/** One thing that a path finds. */
export type Item = JsonValue | typeof noValue;

export type StructureOf = (name: string) => readonly StructureElement[] | undefined;

/** The names of the types that the items of a path may have. */
export type Types = readonly string[];

interface Member {
  name: string;
  /** Where the extensions of a primitive stand. */
  sibling?: string;
}

export interface Step {
  types: Types;
  /** Adds what `item` has under the step's name to `found`. */
  take: (item: Item, found: Item[]) => void;
}

/** The step to the element called `name` of items of these types; `undefined` when none of the types has it. */
export function stepTo(structure: StructureOf, types: Types, name: string): Step | undefined {
  const elements = types
    .flatMap((type) => structure(type) ?? [])
    .filter((element) => (element.choice ?? element.name) === name);
  if (elements.length === 0) return undefined;
  const members = new Map<string, Member>();
  for (const { name: member, type } of elements) {
    const isPrimitive = type !== 'Resource' && structure(type) === undefined;
    members.set(member, isPrimitive ? { name: member, sibling: `_${member}` } : { name: member });
  }
  const looked = [...members.values()];
  return {
    types: [...new Set(elements.map(({ type }) => type))],
    take: (item, found) => {
      if (isJsonObject(item)) for (const member of looked) takeMember(item, member, found);
    },
  };
}

function takeMember(object: JsonObject, { name, sibling }: Member, found: Item[]): void {
  const value = object[name];
  const extended = sibling === undefined ? undefined : object[sibling];
  if (Array.isArray(value) || Array.isArray(extended)) {
    const values = Array.isArray(value) ? value : [];
    const others = Array.isArray(extended) ? extended : [];
    for (let index = 0; index < Math.max(values.length, others.length); index++) {
      const item = values[index];
      if (item !== undefined && item !== null) found.push(item);
      else if (isJsonObject(others[index])) found.push(noValue);
    }
  } else if (value !== undefined && value !== null) found.push(value);
  else if (isJsonObject(extended)) found.push(noValue);
}
