/** Tokens (https://hl7.org/fhir/R4/search.html#token): codes with their systems, compared exactly, and strings without case. */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import type { TokenValue, TypedIdentifier } from '../search-request.js';

/** Whether a coding, identifier, code, contact or boolean of the value has the code and the system of one of `wanted`. */
export function matchesToken(wanted: readonly TokenValue[], value: TypedValue): boolean {
  return tokensOf(value).some((token) => wanted.some((one) => isToken(one, token)));
}

function isToken(wanted: TokenValue, token: Token): boolean {
  if (wanted.code !== undefined && !isCode(wanted.code, token)) return false;
  if (wanted.system === undefined) return true;
  // The system of an element of the data type `code` follows from its binding: what is not known to be another fits it.
  if (wanted.system === token.system) return true;
  return token.systemImplied && wanted.system !== '' && wanted.code !== undefined && wanted.isForeign !== true;
}

const isCode = (wanted: string, { code, isString }: Token): boolean =>
  isString ? wanted.toLowerCase() === code?.toLowerCase() : wanted === code;

/** Whether the value is an Identifier of one of the types with the value that goes with it. */
export function matchesTypedIdentifier(wanted: readonly TypedIdentifier[], { type, value }: TypedValue): boolean {
  if (type !== 'Identifier' || !isJsonObject(value)) return false;
  const types = tokensOf({ type: 'CodeableConcept', value: value['type'] ?? null });
  return wanted.some(
    (one) =>
      one.value === value['value'] && types.some(({ system, code }) => one.system === system && one.code === code),
  );
}

interface Token {
  /** '' for none. */
  readonly system: string;
  readonly systemImplied: boolean;
  /** Of the data type `string`, which is compared without regard to case. */
  readonly isString: boolean;
  readonly code: string | undefined;
}

function tokensOf({ type, value }: TypedValue): Token[] {
  if (!isJsonObject(value)) {
    if (value === null || Array.isArray(value)) return [];
    return [{ system: '', systemImplied: type === 'code', isString: type === 'string', code: String(value) }];
  }
  switch (type) {
    case 'Coding':
      return [token(value['system'], value['code'])];
    case 'CodeableConcept': {
      const codings = Array.isArray(value['coding']) ? value['coding'] : [];
      return codings.filter(isJsonObject).map(({ system, code }) => token(system, code));
    }
    case 'CodeableReference':
      return tokensOf({ type: 'CodeableConcept', value: value['concept'] ?? null });
    case 'Identifier':
      return [token(value['system'], value['value'])];
    case 'ContactPoint':
      // Its own `system` (phone, email, ...) tells the kind of address and is no code system.
      return [token(undefined, value['value'])];
    default:
      return [];
  }
}

function token(system: JsonValue | undefined, code: JsonValue | undefined): Token {
  return {
    system: typeof system === 'string' ? system : '',
    systemImplied: false,
    isString: false,
    code: typeof code === 'string' ? code : undefined,
  };
}
