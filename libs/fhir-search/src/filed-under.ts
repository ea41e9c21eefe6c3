/**
 * `_compartment`: what a resource is filed under, the organizations that its `meta.accounts` name and the patients whose
 * charts it is part of. Unlike the compartment that an address names (`Patient/1/Observation`), which is asked of the
 * references of each resource, these are kept with the resource in `meta.compartment`, so that a rule of an access policy
 * is one look into an array.
 */
import type { FhirVersion, SearchParameter, TypedValue } from '#fhir';
import {
  badValue,
  modifierNotSupported,
  type IndexWriter,
  type ParseContext,
} from './parameter-types/parameter-type.js';
import type { Criterion } from './search-request.js';
import type { TokenHasher } from './token-hasher.js';
import { tokenText } from './token-texts.js';
import { unescapeValue } from './value-text.js';

/** The code of the parameter. What it finds is, for each entry of `meta.compartment`, `Type/id` and the id by itself. */
export const filedUnderCode = '_compartment';

const valueForm = /^(?:[A-Z][A-Za-z]{0,63}\/)?[A-Za-z0-9\-.]{1,64}$/;

/**
 * Reads values of `_compartment`, references `Type/id` or ids by themselves, as a token criterion. Throws an OutcomeError
 * for a modifier other than `:not`, and for any other value.
 */
export function parseFiledUnder(
  { code, key, indexKeys }: Pick<SearchParameter, 'code' | 'key' | 'indexKeys'>,
  modifier: string | undefined,
  values: readonly string[],
  { localReference }: Pick<ParseContext, 'localReference'>,
): Criterion {
  if (modifier !== undefined && modifier !== 'not') throw modifierNotSupported(code, modifier);
  const wanted = values.map((value) => {
    const target = localReference(unescapeValue(value));
    if (!valueForm.test(target)) throw badValue(code, value, 'expected Type/id or an id');
    return { code: target };
  });
  return { kind: 'token', parameter: { code, key, indexKeys }, values: wanted, negated: modifier === 'not' };
}

/**
 * Writes what `parseFiledUnder` asks for: one token for each text, since none has a system. They come before all others:
 * policies ask each row for them, and PostgreSQL compares the tokens of a row in their order with everything that is asked
 * for. Measured with 22 tokens and a policy for 50 organizations: half a microsecond a row instead of twelve.
 */
export function indexFiledUnder({ key }: SearchParameter, values: readonly TypedValue[], writer: IndexWriter): void {
  for (const { value } of values) {
    if (typeof value === 'string') writer.firstToken(tokenText(key, 'value', { code: value }));
  }
}

/** What resources of `type` that are filed under `reference` have among their tokens. */
export function filedUnderToken(version: FhirVersion, hasher: TokenHasher, type: string, reference: string): string {
  const parameter = version.searchParameters(type).get(filedUnderCode);
  if (parameter === undefined) throw new Error(`${type} has no search parameter '${filedUnderCode}'.`);
  return hasher.hash(tokenText(parameter.key, 'value', { code: reference }));
}
