/** Words and texts for people (https://hl7.org/fhir/R4/search.html#content, https://hl7.org/fhir/R4/search.html#modifiers). */
import { isJsonObject, type JsonObject, type JsonValue, type TypedValue } from '#fhir';
import { contentWords } from '../content-words.js';
import { normaliseText } from '../normalised-text.js';
import type { WordsQuery } from '../words-query.js';

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

/** Whether the words that one of `wanted` asks for occur in the narrative of a resource, or anywhere in its texts. */
export function matchesWords(
  place: 'narrative' | 'content',
  wanted: readonly WordsQuery[],
  resource: JsonObject,
): boolean {
  const { narrative, others } = contentWords(resource);
  const words = new Set(place === 'narrative' ? narrative : [...narrative, ...others]);
  const holds = (query: WordsQuery): boolean => {
    if (typeof query === 'string') return words.has(query);
    return query.kind === 'and' ? query.parts.every(holds) : query.parts.some(holds);
  };
  return wanted.some(holds);
}
