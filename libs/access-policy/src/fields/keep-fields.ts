/**
 * What a write makes of fields that the writer may not see or may not change: they keep what is stored, whatever the
 * written text says of them. Nothing is erased that could not be seen.
 */
import { isJsonObject, readLossless, writeLossless, type JsonObject, type JsonValue } from '#fhir';
import { fieldTree, identifyingMembers, treeOfMember, type FieldTree } from './field-paths.js';

/**
 * The text of `writtenText` with the values that `storedText` has at `paths` (both texts of JSON objects in normal form,
 * of one resource). A field that is not stored is taken out of what was written.
 *
 * The items of a list belong together by their place when there are equally many, else by the `id` of the element, else
 * when they look the same to whoever cannot see the fields. What a stored item that belongs to none has at `paths` is put
 * behind the written ones, as an item of its own.
 */
export function keepFields(storedText: string, writtenText: string, paths: readonly string[]): string {
  const tree = fieldTree(paths);
  if (tree.below.size === 0) return writtenText;
  const stored = objectOf(storedText);
  const written = objectOf(writtenText);
  const isKept = (name: string) => (identifyingMembers.has(name) ? undefined : treeOfMember(tree, name));
  return writeLossless(keptObject(stored, written, isKept));
}

function objectOf(text: string): JsonObject {
  const value = readLossless(text);
  if (!isJsonObject(value)) throw new Error('Fields can be kept of JSON objects only.');
  return value;
}

type TreeOf = (name: string) => FieldTree | undefined;

const treeIn =
  (tree: FieldTree): TreeOf =>
  (name) =>
    treeOfMember(tree, name);

/** The written object with what is stored in the members of which `treeOf` knows something. */
function keptObject(stored: JsonObject, written: JsonObject, treeOf: TreeOf): JsonObject {
  const members = Object.entries(written).flatMap(([name, value]) => {
    const tree = treeOf(name);
    if (tree === undefined) return [[name, value] as const];
    const kept = tree.isMeant ? stored[name] : keptValue(own(stored, name), value, tree);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  for (const [name, value] of Object.entries(stored)) {
    const tree = Object.hasOwn(written, name) ? undefined : treeOf(name);
    const kept = tree === undefined ? undefined : onlyFields(value, tree);
    if (kept !== undefined) members.push([name, kept]);
  }
  return Object.fromEntries(members);
}

const own = (object: JsonObject, name: string): JsonValue | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;

/** The written value, of a member in which `tree` means something further down. */
function keptValue(
  stored: JsonValue | undefined,
  written: JsonValue | undefined,
  tree: FieldTree,
): JsonValue | undefined {
  if (Array.isArray(written)) return keptItems(Array.isArray(stored) ? stored : [], written, tree);
  if (isJsonObject(written)) return keptObject(isJsonObject(stored) ? stored : {}, written, treeIn(tree));
  // In the place of an object stands something that has no fields: what could not be seen of it stays.
  return (stored === undefined ? undefined : onlyFields(stored, tree)) ?? written;
}

function keptItems(stored: readonly JsonValue[], written: readonly JsonValue[], tree: FieldTree): JsonValue[] {
  const free = new Set(stored.keys());
  const partners = stored.length === written.length ? [...stored.keys()] : partnersOf(stored, written, tree);
  const items = written.map((item, index) => {
    const partner = partners[index];
    if (partner !== undefined) free.delete(partner);
    return keptValue(partner === undefined ? undefined : stored[partner], item, tree) ?? item;
  });
  const remnants = [...free].flatMap((index) => {
    const item = stored[index];
    const fields = item === undefined ? undefined : onlyFields(item, tree);
    if (fields === undefined) return [];
    const id = isJsonObject(item) ? own(item, 'id') : undefined;
    return [isJsonObject(fields) && id !== undefined ? { id, ...fields } : fields];
  });
  return [...items, ...remnants];
}

/** For each written item the index of the stored one that it is; undefined for one that is new. */
function partnersOf(
  stored: readonly JsonValue[],
  written: readonly JsonValue[],
  tree: FieldTree,
): (number | undefined)[] {
  const byId = new Map<string, number[]>();
  const byLook = new Map<string, number[]>();
  stored.forEach((item, index) => {
    const id = idOf(item);
    const [map, key] = id === undefined ? [byLook, look(item, tree)] : [byId, id];
    const alike = map.get(key);
    if (alike === undefined) map.set(key, [index]);
    else alike.push(index);
  });
  for (const map of [byId, byLook]) for (const alike of map.values()) alike.reverse();
  return written.map((item) => {
    const id = idOf(item);
    return (id === undefined ? byLook.get(look(item, tree)) : byId.get(id))?.pop();
  });
}

const idOf = (item: JsonValue): string | undefined =>
  isJsonObject(item) && typeof item['id'] === 'string' ? item['id'] : undefined;

/** Equal for items that are the same without the fields, in whatever order their members stand. */
function look(item: JsonValue, tree: FieldTree): string {
  return JSON.stringify(withoutFields(item, tree) ?? {});
}

function withoutFields(value: JsonValue, tree: FieldTree | undefined): JsonValue | undefined {
  if (tree?.isMeant === true) return undefined;
  if (Array.isArray(value)) return value.map((item) => withoutFields(item, tree) ?? {});
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const below = tree === undefined ? undefined : treeOfMember(tree, name);
    const kept = member === undefined ? undefined : withoutFields(member, below);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  if (members.length === 0) return undefined;
  return Object.fromEntries(members.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** What stands at the places of `tree` alone; undefined when nothing does. */
function onlyFields(value: JsonValue | undefined, tree: FieldTree): JsonValue | undefined {
  if (value === undefined || tree.isMeant) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => onlyFields(item, tree));
    return items.some((item) => item !== undefined) ? items.map((item) => item ?? {}) : undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const below = treeOfMember(tree, name);
    const kept = below === undefined ? undefined : onlyFields(member, below);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
