/**
 * Uri parameters (https://hl7.org/fhir/R4/search.html#uri): compared exactly and with upper and lower case apart;
 * `:below` takes every uri that starts with the given one, `:above` every one that stands above it in the hierarchy that
 * slashes make, and `:contains` is that of strings. A canonical is also found without its version.
 */
import type { TypedValue } from '#fhir';
import { maxIndexedText, normaliseText, withoutNul } from '../normalised-text.js';
import type { Criterion } from '../search-request.js';
import { uriText } from '../token-texts.js';
import { unescapeValue } from '../value-text.js';
import { badValue, modifierNotSupported, type ParameterType } from './parameter-type.js';

/** Each of them is a level of the hierarchy above a uri, which is looked for with the slash and without. */
const maxSlashes = 25;

const slashesIn = (text: string): number => text.split('/').length - 1;

type UriCriterion = Extract<Criterion, { kind: 'uri' }>;

export const uri: ParameterType<UriCriterion> = {
  parse({ code, key }, modifier, values) {
    if (modifier !== undefined && modifier !== 'below' && modifier !== 'above' && modifier !== 'contains') {
      throw modifierNotSupported(code, modifier);
    }
    const uris = values.map((value) => withoutNul(unescapeValue(value)));
    const tooLong = modifier === undefined ? undefined : uris.find((text) => text.length > maxIndexedText);
    if (tooLong !== undefined) {
      throw badValue(code, `${tooLong.slice(0, 20)}…`, `':${modifier}' takes at most ${maxIndexedText} characters`);
    }
    const tooDeep = modifier === 'above' ? uris.find((text) => slashesIn(text) > maxSlashes) : undefined;
    if (tooDeep !== undefined) throw badValue(code, tooDeep, `':above' takes at most ${maxSlashes} slashes`);
    return { kind: 'uri', parameter: { code, key }, match: modifier ?? 'exact', values: uris };
  },

  toCondition({ parameter, match, values }, hasher) {
    if (match === 'below') return { kind: 'string', parameter: parameter.key, match: 'prefix', values };
    if (match === 'contains') {
      return { kind: 'string', parameter: parameter.key, match: 'contains', values: values.map(normaliseText) };
    }
    const uris = match === 'above' ? values.flatMap(parentsOf) : values;
    const anyOf = uris.map((value) => hasher.hash(uriText(parameter.key, value)));
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

/**
 * The uri itself and all above it, with and without the slash at their end: `http://a/b` has `http://a/`, `http://a` and
 * itself. Uris without slashes (`urn:oid:…`) have no hierarchy (https://hl7.org/fhir/R4/search.html#uri).
 */
function parentsOf(uri: string): string[] {
  const [origin = '', path = ''] = splitOrigin(uri);
  const ends = [...path].flatMap((character, at) => (character === '/' ? [at, at + 1] : []));
  return [...new Set([...ends.map((end) => origin + path.slice(0, end)), uri])];
}

function splitOrigin(uri: string): [origin: string, path: string] {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(uri)?.[0] ?? '';
  return [origin, origin === '' ? '' : uri.slice(origin.length)];
}

function uriOf({ value }: TypedValue): string[] {
  return typeof value === 'string' && value !== '' ? [withoutNul(value)] : [];
}
