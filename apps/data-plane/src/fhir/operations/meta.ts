/** The parts of `meta` that `$meta`, `$meta-add` and `$meta-delete` are about (https://hl7.org/fhir/R4/resource-operation-meta.html). */
import { badRequest, isJsonObject, type JsonObject, type JsonValue } from '#fhir';

const parts = ['profile', 'security', 'tag'] as const;

const itemsOf = (meta: JsonObject, part: (typeof parts)[number]): JsonValue[] => {
  const items = meta[part];
  return Array.isArray(items) ? items : [];
};

/** Two profiles are the same by their text, two codings by system and code: version and display do not matter. */
function identityOf(item: JsonValue): string {
  return isJsonObject(item) ? JSON.stringify([item.system ?? '', item.code ?? '']) : JSON.stringify(item);
}

/** `meta` with what `added` has besides; what it has already stays as it is. */
export function withAdded(meta: JsonObject, added: JsonObject): JsonObject {
  return changed(meta, added, (items, others) => {
    const known = new Set(items.map(identityOf));
    return [...items, ...others.filter((item) => !known.has(identityOf(item)))];
  });
}

/** `meta` without what `removed` names. */
export function withRemoved(meta: JsonObject, removed: JsonObject): JsonObject {
  return changed(meta, removed, (items, others) => {
    const named = new Set(others.map(identityOf));
    return items.filter((item) => !named.has(identityOf(item)));
  });
}

function changed(
  meta: JsonObject,
  other: JsonObject,
  change: (items: JsonValue[], others: JsonValue[]) => JsonValue[],
): JsonObject {
  const result = { ...meta };
  for (const part of parts) {
    const items = change(itemsOf(meta, part), itemsOf(other, part));
    if (items.length > 0) result[part] = items;
    else delete result[part];
  }
  return result;
}

/** Collects what the `meta` of many resources have, each thing once. */
export class MetaCollection {
  private readonly found = new Map<string, { part: (typeof parts)[number]; item: JsonValue }>();

  add(meta: JsonObject): void {
    for (const part of parts) {
      for (const item of itemsOf(meta, part)) {
        const key = `${part} ${identityOf(item)}`;
        if (!this.found.has(key)) this.found.set(key, { part, item });
      }
    }
  }

  /** All of it as one Meta. */
  meta(): JsonObject {
    const result: JsonObject = {};
    for (const part of parts) {
      const items = [...this.found.values()].filter((one) => one.part === part).map(({ item }) => item);
      if (items.length > 0) result[part] = items;
    }
    return result;
  }
}

/** The parts of a whole `meta` that these operations show and change. */
export function metaParts(meta: JsonObject): JsonObject {
  const collection = new MetaCollection();
  collection.add(meta);
  return collection.meta();
}

/** Throws 400 unless `meta` has something that can be added or removed. */
export function assertHasParts(meta: JsonObject | undefined): asserts meta is JsonObject {
  if (meta !== undefined && parts.some((part) => itemsOf(meta, part).length > 0)) return;
  throw badRequest("The operation needs a parameter 'meta' with a profile, tag or security label.", {
    code: 'required',
    expression: ['meta'],
  });
}
