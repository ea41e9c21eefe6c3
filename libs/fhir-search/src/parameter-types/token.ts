/**
 * Token parameters (https://hl7.org/fhir/R4/search.html#token): `code`, `system|code`, `|code` (no system) and
 * `system|`; `:not`, `:of-type` and `:text`. Codes are compared exactly, upper and lower case apart: whether a code
 * system ignores case is not known here, and an answer with too much in it is worse than asking again. Values of the data
 * type `string` are compared without regard to case, as the standard says. Those of elements of the data type `code`
 * imply their system by their required binding; where that is open, any system named in a search fits them.
 */
import { isJsonObject, type JsonValue, type SearchParameter, type TypedValue } from '#fhir';
import { displayCondition, displaysOf, parseDisplay } from './display.js';
import type { Condition } from '../search-plan.js';
import type { Criterion, TokenValue, TypedIdentifier } from '../search-request.js';
import type { TokenHasher } from '../token-hasher.js';
import { impliedSystemText, ofTypeText, tokenText, type TokenSpace } from '../token-texts.js';
import { splitUnescaped, unescapeValue } from '../value-text.js';
import {
  badValue,
  modifierNotSupported,
  hierarchyNotSupported,
  type IndexWriter,
  type ParameterType,
} from './parameter-type.js';

type TokenCriterion = Extract<Criterion, { kind: 'token' | 'of-type' | 'display' }>;

/** Modifiers about the place of a code in its code system. */
const terminologyModifiers = new Set(['above', 'below', 'in', 'not-in']);

export const token: ParameterType<TokenCriterion> = {
  parse(searched, modifier, values) {
    const { code, key, indexKeys } = searched;
    const parameter = { code, key, indexKeys };
    if (modifier === undefined || modifier === 'not') {
      const tokens = values.flatMap((value) => asSearched(parseTokenValue(code, value), searched));
      return { kind: 'token', parameter, values: tokens, negated: modifier === 'not' };
    }
    if (modifier === 'of-type') {
      return { kind: 'of-type', parameter, values: values.map((value) => parseTypedIdentifier(code, value)) };
    }
    if (modifier === 'text') return parseDisplay(parameter, values);
    throw terminologyModifiers.has(modifier)
      ? hierarchyNotSupported(code, modifier, 'where a code stands in a code system or value set')
      : modifierNotSupported(code, modifier);
  },

  toCondition(criterion, hasher) {
    if (criterion.kind === 'display') return displayCondition(criterion);
    const { code, indexKeys } = criterion.parameter;
    if (criterion.kind === 'of-type') {
      const texts = criterion.values.flatMap((value) => indexKeys.map((key) => ofTypeText(key, value)));
      return { kind: 'token', anyOf: texts.map((text) => hasher.hash(text)), negated: false, identifying: true };
    }
    const { values, negated } = criterion;
    const isIdentifying = identifyingParameters.has(code);
    const texts = indexKeys.flatMap((key) => values.flatMap((value) => textsOf(key, value, isIdentifying)));
    const identifying = isIdentifying && !negated && values.every((value) => value.code !== undefined);
    return { kind: 'token', anyOf: texts.map((text) => hasher.hash(text)), negated, identifying };
  },

  index({ key }, values, writer) {
    for (const value of values) {
      indexTokenValue(key, value, writer);
      for (const text of displaysOf(value)) writer.display(text);
    }
  },
};

/** The values that the parameter looks for when a search gives it this one. */
function asSearched(value: TokenValue, { impliedSystems, types }: SearchParameter): TokenValue[] {
  const { system, code } = value;
  if (code === undefined) return [value];
  const isForeign = system !== undefined && system !== '' && impliedSystems?.has(system) === false;
  const known: TokenValue = isForeign ? { ...value, isForeign } : value;
  const folded: TokenValue = { ...known, code: code.toLowerCase() };
  // Strings stand in the index without regard to case. What types a few parameters find is not known beforehand.
  if (types.size === 1 && types.has('string')) return [folded];
  return (types.size === 0 || types.has('string')) && folded.code !== code ? [known, folded] : [known];
}

function textsOf(key: number, value: TokenValue, isIdentifying: boolean): string[] {
  const text = tokenText(key, 'value', value);
  if (isIdentifying || !value.system || value.code === undefined || value.isForeign) return [text];
  return [text, impliedSystemText(key, value.code)];
}

/**
 * The parameters whose values are Identifiers or ContactPoints wherever the standard has them: few resources share one,
 * and none is of the data type `code`.
 */
const identifyingParameters = new Set(['identifier', 'email', 'phone', 'telecom']);

/** Reads `code`, `system|code`, `|code` or `system|`. */
export function parseTokenValue(parameter: string, text: string): TokenValue {
  const parts = splitUnescaped(text, '|').map(unescapeValue);
  const [first = '', second] = parts;
  if (parts.length > 2) throw badValue(parameter, text, "expected 'code', 'system|code', '|code' or 'system|'");
  if (second === undefined) return { code: first };
  if (second !== '') return { system: first, code: second };
  if (first === '') throw badValue(parameter, text, 'a system or a code must stand beside the bar');
  return { system: first };
}

/** Reads `system|code|value`: the type of an Identifier, and its value (https://hl7.org/fhir/R4/search.html#token). */
function parseTypedIdentifier(parameter: string, text: string): TypedIdentifier {
  const [system = '', code = '', value = '', ...rest] = splitUnescaped(text, '|').map(unescapeValue);
  if (system === '' || code === '' || value === '' || rest.length > 0) {
    throw badValue(parameter, text, "':of-type' takes 'system|code|value', all three of them");
  }
  return { system, code, value };
}

/** The condition that an identifier (of the element, or of a Reference) is one of `values`. */
export function identifierCondition(
  parameter: number,
  space: TokenSpace,
  values: readonly TokenValue[],
  hasher: TokenHasher,
): Condition {
  const anyOf = values.map((value) => hasher.hash(tokenText(parameter, space, value)));
  return { kind: 'token', anyOf, negated: false, identifying: false };
}

/** Writes a system and code under every form in which a search may ask for them. */
export function indexSystemAndCode(
  parameter: number,
  space: TokenSpace,
  system: JsonValue | undefined,
  code: JsonValue | undefined,
  writer: IndexWriter,
): void {
  const known = { system: typeof system === 'string' ? system : '', code: typeof code === 'string' ? code : undefined };
  if (known.system !== '') writer.token(tokenText(parameter, space, { system: known.system }));
  if (known.code === undefined) return;
  if (space === 'value') writer.sortText(known.code);
  writer.token(tokenText(parameter, space, { code: known.code }));
  writer.token(tokenText(parameter, space, { system: known.system, code: known.code }));
}

function indexTokenValue(parameter: number, { type, value }: TypedValue, writer: IndexWriter): void {
  if (isJsonObject(value)) {
    switch (type) {
      case 'CodeableConcept':
        for (const coding of Array.isArray(value['coding']) ? value['coding'] : []) {
          if (isJsonObject(coding)) indexSystemAndCode(parameter, 'value', coding['system'], coding['code'], writer);
        }
        return;
      case 'Coding':
        return indexSystemAndCode(parameter, 'value', value['system'], value['code'], writer);
      case 'CodeableReference':
        return indexTokenValue(parameter, { type: 'CodeableConcept', value: value['concept'] ?? null }, writer);
      case 'Identifier':
        indexIdentifierType(parameter, value['type'], value['value'], writer);
        return indexSystemAndCode(parameter, 'value', value['system'], value['value'], writer);
      case 'ContactPoint':
        // A ContactPoint's own `system` (phone, email, ...) is no code system, so its values have none.
        return indexSystemAndCode(parameter, 'value', undefined, value['value'], writer);
      default:
        return;
    }
  }
  if (value === null || Array.isArray(value)) return;
  const code = String(value);
  if (type === 'string') {
    writer.sortText(code);
    const folded = code.toLowerCase();
    writer.token(tokenText(parameter, 'value', { code: folded }));
    writer.token(tokenText(parameter, 'value', { system: '', code: folded }));
    return;
  }
  indexSystemAndCode(parameter, 'value', undefined, code, writer);
  if (type === 'code') writer.token(impliedSystemText(parameter, code));
}

function indexIdentifierType(
  parameter: number,
  type: JsonValue | undefined,
  value: JsonValue | undefined,
  writer: IndexWriter,
): void {
  if (!isJsonObject(type) || typeof value !== 'string' || !Array.isArray(type['coding'])) return;
  for (const coding of type['coding'].filter(isJsonObject)) {
    const { system, code } = coding;
    if (typeof system === 'string' && typeof code === 'string')
      writer.token(ofTypeText(parameter, { system, code, value }));
  }
}
