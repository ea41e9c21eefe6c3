/** Words and texts for people (https://hl7.org/fhir/R4/search.html#content, https://hl7.org/fhir/R4/search.html#modifiers). */
import { isJsonObject, type JsonObject, type JsonValue, type TypedValue } from '#fhir';
import { contentWords } from '../content-words.js';
import { normaliseText } from '../normalised-text.js';

/** Whether a text that belongs to a code, an identifier or a reference starts with one of `wanted`. */
export function matchesDisplay(wanted: readonly string[], value: TypedValue): boolean {
  const starts = wanted.map(normaliseText);
  return displays(value).some((text) => starts.some((start) => normaliseText(text).startsWith(start)));
}

function displays({ type, value }: TypedValue): string[] {
  if (!isJsonObject(value)) return [];
  const { text, coding, display, concept, reference, type: identifierType } = value;
  const all = {
    CodeableConcept: [text, ...(Array.isArray(coding) ? coding : []).map((one) => memberOf(one, 'display'))],
    Coding: [display],
    Reference: [display],
    Identifier: [memberOf(identifierType, 'text')],
    CodeableReference: [
      ...displays({ type: 'CodeableConcept', value: concept ?? null }),
      ...displays({ type: 'Reference', value: reference ?? null }),
    ],
  };
  return (Object.hasOwn(all, type) ? all[type as keyof typeof all] : []).filter((one) => typeof one === 'string');
}

const memberOf = (value: JsonValue | undefined, member: string): JsonValue | undefined =>
  isJsonObject(value) ? value[member] : undefined;

/** Whether all words of one of `wanted` occur in the narrative of a resource, or anywhere in its texts. */
export function matchesWords(
  place: 'narrative' | 'content',
  wanted: readonly (readonly string[])[],
  resource: JsonObject,
): boolean {
  const { narrative, others } = contentWords(resource);
  const words = new Set(place === 'narrative' ? narrative : [...narrative, ...others]);
  return wanted.some((all) => all.every((word) => words.has(word)));
}
