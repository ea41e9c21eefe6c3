/**
 * `:text` of tokens and references (https://hl7.org/fhir/R4/search.html#modifiers): compares the texts that people read
 * beside a code as a string parameter would, from their beginning. They stand among the words of the resource, each with
 * the key of its parameter, because as words they cost less to write than as rows of their own.
 */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import { cutToIndex, maxIndexedText, normaliseText } from '../normalised-text.js';
import type { Condition } from '../search-plan.js';
import type { Criterion, SharedParameter } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { quoteLexeme } from '../words.js';
import { badValue } from './parameter-type.js';

type DisplayCriterion = Extract<Criterion, { kind: 'display' }>;

/** Reads the values of `:text`. Throws an OutcomeError for a text with nothing to compare, or one that is too long. */
export function parseDisplay(parameter: SharedParameter, values: readonly string[]): DisplayCriterion {
  const texts = values.map(unescapeValue);
  const bad = texts.find((text) => normaliseText(text) === '' || normaliseText(text).length > maxIndexedText);
  if (bad !== undefined) {
    throw badValue(parameter.code, bad.slice(0, 20), `':text' takes a text of at most ${maxIndexedText} characters`);
  }
  return { kind: 'display', parameter, values: texts };
}

/** A word that starts with one of the texts. */
export function displayCondition({ parameter, values }: DisplayCriterion): Condition {
  const lexemes = parameter.indexKeys.flatMap((key) => values.map((value) => displayLexeme(key, value)));
  return { kind: 'words', query: lexemes.map((lexeme) => `${quoteLexeme(lexeme)}:*`).join(' | ') };
}

/** The word that stands for a text beside a code. No word of a text has a bar in it. */
export const displayLexeme = (key: number, text: string): string => `${key}|${cutToIndex(normaliseText(text))}`;

/** The texts that belong to a code, an identifier or a reference. */
export function displaysOf({ type, value }: TypedValue): string[] {
  if (!isJsonObject(value)) return [];
  switch (type) {
    case 'CodeableConcept': {
      const codings = Array.isArray(value['coding']) ? value['coding'].filter(isJsonObject) : [];
      return texts(value['text'], ...codings.map(({ display }) => display));
    }
    case 'Coding':
    case 'Reference':
      return texts(value['display']);
    case 'Identifier':
      return texts(isJsonObject(value['type']) ? value['type']['text'] : undefined);
    case 'CodeableReference':
      return [
        ...displaysOf({ type: 'CodeableConcept', value: value['concept'] ?? null }),
        ...displaysOf({ type: 'Reference', value: value['reference'] ?? null }),
      ];
    default:
      return [];
  }
}

const texts = (...candidates: (JsonValue | undefined)[]): string[] =>
  candidates.filter((candidate) => typeof candidate === 'string');
