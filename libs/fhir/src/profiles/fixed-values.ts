/** Values that a profile prescribes: `fixed[x]` and `pattern[x]` (https://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.fixed_x_). */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { noValue, type Item } from '../validation/invariants/paths.js';

/** What `definition` has in its `fixed[x]` or `pattern[x]`. */
export function prescribed(definition: JsonObject, kind: 'fixed' | 'pattern'): JsonValue | undefined {
  const name = Object.keys(definition).find((key) => key.startsWith(kind) && /^[A-Z]/.test(key.slice(kind.length)));
  return name === undefined ? undefined : definition[name];
}

/** Whether the value is the fixed one, member for member. */
export const isFixed = (value: Item, fixed: JsonValue): boolean => value !== noValue && isDeepStrictEqual(value, fixed);

/** Whether the value has all that the pattern has: each member of objects, and for each item of a list one that matches. */
export function matchesPattern(value: Item | undefined, pattern: JsonValue): boolean {
  if (value === undefined || value === noValue) return false;
  if (Array.isArray(pattern)) {
    return Array.isArray(value) && pattern.every((wanted) => value.some((item) => matchesPattern(item, wanted)));
  }
  if (!isJsonObject(pattern)) return value === pattern;
  return (
    isJsonObject(value) &&
    Object.entries(pattern).every(([name, wanted]) => {
      const member = Object.hasOwn(value, name) ? value[name] : undefined;
      return wanted === undefined || matchesPattern(member, wanted);
    })
  );
}
