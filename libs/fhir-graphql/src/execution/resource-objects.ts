/**
 * Resources as objects whose members the resolvers hand out. Numbers keep their text (see readLossless of #fhir). What a
 * resolver must know besides of an object stands beside it: whether it is a resource that has an address, and for a
 * reference into the same resource (`#id`), which resource that is.
 */
import { isJsonObject, readLossless, type JsonObject, type JsonValue } from '#fhir';
import type { SourceResource } from '../graphql-source.js';

const stored = new WeakSet<object>();
const containers = new WeakMap<object, JsonObject>();

/** The object of a resource of the store. */
export function resourceObject({ text }: SourceResource): JsonObject {
  const value = readLossless(text);
  if (!isJsonObject(value)) throw new Error('The text of a resource is not a JSON object.');
  stored.add(value);
  if (text.includes('"reference":"#')) rememberContainer(value, value);
  return value;
}

/** Whether the object is a resource of the store and not one inside another, whose id means nothing outside. */
export const isStored = (value: unknown): value is JsonObject & { resourceType: string; id: string } =>
  isJsonObject(value) && stored.has(value);

/** What a reference `#id` in the same resource means; undefined when there is no such resource. */
export function containedResource(reference: JsonObject, fragment: string): JsonObject | undefined {
  const container = containers.get(reference);
  if (container === undefined || fragment === '') return container;
  const contained = Array.isArray(container.contained) ? container.contained : [];
  return contained.filter(isJsonObject).find(({ id }) => id === fragment);
}

function rememberContainer(value: JsonValue | undefined, container: JsonObject): void {
  if (Array.isArray(value)) for (const item of value) rememberContainer(item, container);
  if (!isJsonObject(value)) return;
  if (typeof value.reference === 'string' && value.reference.startsWith('#')) containers.set(value, container);
  for (const member of Object.values(value)) rememberContainer(member, container);
}
