/**
 * Token parameters (https://hl7.org/fhir/R4/search.html#token): `code`, `system|code`, `|code` (no system) and
 * `system|`. Codes are compared exactly, upper and lower case apart: whether a code system ignores case is not known
 * here, and an answer with too much in it is worse than asking again. The values of elements of the data type `code`
 * imply their system (their required binding), so any system named in a search fits them.
 */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import type { Condition } from '../search-plan.js';
import type { Criterion, TokenValue } from '../search-request.js';
import type { TokenHasher } from '../token-hasher.js';
import { impliedSystemText, tokenText, type TokenSpace } from '../token-texts.js';
import { splitUnescaped, unescapeValue } from '../value-text.js';
import { badValue, modifierNotSupported, type IndexWriter, type ParameterType } from './parameter-type.js';

type TokenCriterion = Extract<Criterion, { kind: 'token' }>;

export const token: ParameterType<TokenCriterion> = {
  parse({ code, key }, modifier, values) {
    if (modifier !== undefined && modifier !== 'not') throw modifierNotSupported(code, modifier);
    return {
      kind: 'token',
      parameter: { code, key },
      values: values.map((value) => parseTokenValue(code, value)),
      negated: modifier === 'not',
    };
  },

  toCondition({ parameter: { code, key }, values, negated }, hasher) {
    const isIdentifying = identifyingParameters.has(code);
    const texts = values.flatMap((value) => {
      const text = tokenText(key, 'value', value);
      if (isIdentifying || !value.system || value.code === undefined) return [text];
      return [text, impliedSystemText(key, value.code)];
    });
    const identifying = isIdentifying && !negated && values.every((value) => value.code !== undefined);
    return { kind: 'token', anyOf: texts.map((text) => hasher.hash(text)), negated, identifying };
  },

  index({ key }, values, writer) {
    for (const value of values) indexTokenValue(key, value, writer);
  },
};

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
      case 'ContactPoint':
        // A ContactPoint's own `system` (phone, email, ...) is no code system, so its values have none.
        return indexSystemAndCode(
          parameter,
          'value',
          type === 'Identifier' ? value['system'] : undefined,
          value['value'],
          writer,
        );
      default:
        return;
    }
  }
  if (value === null || Array.isArray(value)) return;
  const code = String(value);
  indexSystemAndCode(parameter, 'value', undefined, code, writer);
  if (type === 'code') writer.token(impliedSystemText(parameter, code));
}
