/**
 * String parameters (https://hl7.org/fhir/R4/search.html#string): by default the value must start with the text,
 * whatever the case and accents; `:contains` takes it anywhere, `:exact` compares the whole text as it stands, and `:text`
 * looks for all of its words, in any order.
 * Each part of a HumanName or an Address is a value of its own.
 */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import { maxIndexedText, normaliseText, withoutNul } from '../normalised-text.js';
import type { Criterion } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { wordsOf } from '../words.js';
import { badValue, modifierNotSupported, type ParameterType } from './parameter-type.js';

type StringCriterion = Extract<Criterion, { kind: 'string' }>;

export const string: ParameterType<StringCriterion> = {
  parse({ code, key }, modifier, values) {
    const match = matches.get(modifier);
    if (match === undefined) throw modifierNotSupported(code, modifier ?? '');
    const texts = values.map((value) => withoutNul(unescapeValue(value)));
    const tooLong = texts.find((text) => match !== 'exact' && normaliseText(text).length > maxIndexedText);
    if (tooLong !== undefined) {
      throw badValue(code, `${tooLong.slice(0, 20)}…`, `it may have at most ${maxIndexedText} characters`);
    }
    const wordless = match === 'words' ? texts.find((text) => wordsOf(text).length === 0) : undefined;
    if (wordless !== undefined) throw badValue(code, wordless, "':text' takes words");
    return { kind: 'string', parameter: { code, key }, match, values: texts };
  },

  toCondition({ parameter, match, values }) {
    if (match === 'exact') return { kind: 'string', parameter: parameter.key, match, values };
    if (match === 'words') {
      return {
        kind: 'string',
        parameter: parameter.key,
        match,
        values: values.map((value) => wordsOf(value).join(' ')),
      };
    }
    const normalised = values.map(normaliseText);
    return {
      kind: 'string',
      parameter: parameter.key,
      match: match === 'contains' ? 'contains' : 'prefix',
      values: normalised,
    };
  },

  index(_parameter, values, writer) {
    for (const value of values) {
      for (const text of textsOf(value)) writer.string(normaliseText(text), text);
    }
  },
};

const matches = new Map<string | undefined, StringCriterion['match']>([
  [undefined, 'starts-with'],
  ['exact', 'exact'],
  ['contains', 'contains'],
  ['text', 'words'],
]);

/** The members of complex types that count as their texts, `text` (what people read) included. */
const textMembers: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['text', 'family', 'given', 'prefix', 'suffix'],
  Address: ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'],
  CodeableConcept: ['text'],
  Coding: ['display'],
  Annotation: ['text'],
};

/** The texts of a value: itself, or those that people read in it. */
export function textsOf({ type, value }: TypedValue): string[] {
  if (typeof value === 'string') return [value];
  if (!isJsonObject(value)) return [];
  return (textMembers[type] ?? []).flatMap((member) => strings(value[member]));
}

function strings(value: JsonValue | undefined): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
