/**
 * Uri parameters (https://hl7.org/fhir/R4/search.html#uri): compared exactly and with upper and lower case apart;
 * `:below` takes every uri that starts with the given one. A canonical is also found without its version.
 */
import type { TypedValue } from '#fhir';
import { maxIndexedText, withoutNul } from '../normalised-text.js';
import type { Criterion } from '../search-request.js';
import { uriText } from '../token-texts.js';
import { unescapeValue } from '../value-text.js';
import { badValue, modifierNotSupported, type ParameterType } from './parameter-type.js';

type UriCriterion = Extract<Criterion, { kind: 'uri' }>;

export const uri: ParameterType<UriCriterion> = {
  parse({ code, key }, modifier, values) {
    if (modifier !== undefined && modifier !== 'below') throw modifierNotSupported(code, modifier);
    const uris = values.map((value) => withoutNul(unescapeValue(value)));
    const tooLong = modifier === 'below' ? uris.find((text) => text.length > maxIndexedText) : undefined;
    if (tooLong !== undefined) {
      throw badValue(code, `${tooLong.slice(0, 20)}…`, `':below' takes at most ${maxIndexedText} characters`);
    }
    return { kind: 'uri', parameter: { code, key }, match: modifier ?? 'exact', values: uris };
  },

  toCondition({ parameter, match, values }, hasher) {
    if (match === 'below') return { kind: 'string', parameter: parameter.key, match: 'prefix', values };
    const anyOf = values.map((value) => hasher.hash(uriText(parameter.key, value)));
    // `url` is the canonical address of a definition; `_profile` or `_source` may be the same on all resources.
    return { kind: 'token', anyOf, negated: false, identifying: parameter.code === 'url' };
  },

  index({ key }, values, writer) {
    for (const text of values.flatMap(uriOf)) {
      writer.string(text, text);
      writer.token(uriText(key, text));
      const unversioned = text.replace(/\|[^|]*$/, '');
      if (unversioned !== text && unversioned !== '') writer.token(uriText(key, unversioned));
    }
  },
};

function uriOf({ value }: TypedValue): string[] {
  return typeof value === 'string' && value !== '' ? [withoutNul(value)] : [];
}
