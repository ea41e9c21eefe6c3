/** Strings (https://hl7.org/fhir/R4/search.html#string): each part of a name or an address is a value of its own. */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import { normaliseText } from '../normalised-text.js';
import type { Criterion } from '../search-request.js';
import { wordsOf } from '../words.js';
import { preparedOnce } from './prepared.js';

type StringMatch = Extract<Criterion, { kind: 'string' }>['match'];

/** Whether a text of the value starts with, contains or is one of `wanted`. */
export function matchesString(match: StringMatch, wanted: readonly string[], value: TypedValue): boolean {
  // A text in which nothing is left to compare is no value.
  const texts = textsOf(value).filter((text) => normaliseText(text) !== '');
  if (match === 'exact') return texts.some((text) => wanted.includes(text.replaceAll('\0', '')));
  if (match === 'words') return texts.some((text) => hasWords(text, wanted));
  const parts = normalised(wanted);
  return texts
    .map(normaliseText)
    .some((text) => parts.some((part) => (match === 'contains' ? text.includes(part) : text.startsWith(part))));
}

const normalised = preparedOnce((wanted) => wanted.map(normaliseText));
const wordsOfEach = preparedOnce((wanted) => wanted.map(wordsOf));

/** Whether all words of one of `wanted` are words of the text. */
function hasWords(text: string, wanted: readonly string[]): boolean {
  const words = new Set(wordsOf(text));
  return wordsOfEach(wanted).some((all) => all.every((word) => words.has(word)));
}

const partNames: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['text', 'family', 'given', 'prefix', 'suffix'],
  Address: ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'],
  CodeableConcept: ['text'],
  Coding: ['display'],
  Annotation: ['text'],
};

function textsOf({ type, value }: TypedValue): string[] {
  if (typeof value === 'string') return [value];
  const named = isJsonObject(value) ? (partNames[type] ?? []).map((part) => value[part] ?? null) : [];
  return named.flat().filter((text: JsonValue) => typeof text === 'string');
}
