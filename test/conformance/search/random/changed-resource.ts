/** Makes new resources out of official examples by small changes, so that searches meet values that no example has. */
import { isJsonObject, type FhirVersion, type JsonObject, type JsonValue } from '#fhir';
import type { SeededRandom } from '#testing';

/**
 * A copy of `example` under another id, with a few of its values changed; undefined when the changes have made it
 * invalid. `references` are the references (`Type/id`) that may take the place of others of their type.
 */
export function changedResource(
  version: FhirVersion,
  example: JsonObject,
  id: string,
  references: readonly string[],
  random: SeededRandom,
): JsonObject | undefined {
  const copy = structuredClone(example);
  copy['id'] = id;
  const places = placesIn(copy).filter(({ path }) => path[0] !== 'id' && path[0] !== 'resourceType');
  for (let changes = 1 + random.below(4); changes > 0 && places.length > 0; changes--) {
    change(random.pick(places), references, random);
  }
  return version.validate(copy).length === 0 ? copy : undefined;
}

interface Place {
  readonly path: readonly string[];
  readonly parent: JsonObject;
  readonly member: string;
}

/** The members that hold a primitive value, and those of the top. */
function placesIn(parent: JsonObject, path: readonly string[] = []): Place[] {
  return Object.entries(parent).flatMap(([member, value]): Place[] => {
    const here = { path: [...path, member], parent, member };
    const items = (Array.isArray(value) ? value : [value]).filter(isJsonObject);
    if (items.length === 0) return [here];
    const below = items.flatMap((item) => placesIn(item, here.path));
    return path.length === 0 ? [here, ...below] : below;
  });
}

function change({ parent, member }: Place, references: readonly string[], random: SeededRandom): void {
  const value = parent[member];
  const changed = value === undefined || random.chance(0.1) ? undefined : changedValue(value, references, random);
  if (changed === undefined) delete parent[member];
  else parent[member] = changed;
}

function changedValue(value: JsonValue, references: readonly string[], random: SeededRandom): JsonValue | undefined {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') {
    const factor = random.pick([0.001, 0.5, 0.99, 1.01, 2, 1000, -1]);
    return Number.isInteger(value) ? Math.round(value * factor) : Number((value * factor).toPrecision(6));
  }
  if (typeof value !== 'string') return undefined;
  if (/^\d{4}(-\d\d(-\d\d(T.+)?)?)?$/.test(value)) return changedDate(value, random);
  const [, type] = /^([A-Z]\w+)\/[A-Za-z0-9.-]+$/.exec(value) ?? [];
  const others = type === undefined ? [] : references.filter((reference) => reference.startsWith(`${type}/`));
  if (others.length > 0) return random.pick(others);
  return random.pick([value.toUpperCase(), value.toLowerCase(), `${value}é`, value.slice(0, 3), `${value} Straße`]);
}

function changedDate(value: string, random: SeededRandom): string {
  const year = String(Number(value.slice(0, 4)) + random.pick([-1, 0, 0, 1]));
  const rest = value.slice(4);
  return year + (random.chance(0.3) && !rest.includes('T') ? rest.slice(0, random.pick([0, 3, 6])) : rest);
}
