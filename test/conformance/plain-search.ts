/** The plainest search for a value that a resource has, which must find that resource. */
import { isJsonObject, type JsonObject, type JsonValue, type SearchParameter, type TypedValue } from '#fhir';

/**
 * `parameter=value` for the first value of the resource from which such a search can be made; undefined when the
 * parameter finds nothing in the resource, or nothing with a value of its own (a contained resource, an empty concept).
 */
export function plainSearch(parameter: SearchParameter, resource: JsonObject): string | undefined {
  // The values of `_in` are not what is searched for: it asks for the members of the groups that it names.
  if (parameter.code === '_in') return undefined;
  for (const found of parameter.evaluate(resource)) {
    if (parameter.type === 'composite') {
      const parts = parameter.components.map((component) => plainPart(component, found, resource));
      if (parts.length > 0 && parts.every((part) => part !== undefined)) {
        return `${parameter.code}=${encodeURIComponent(parts.join('$'))}`;
      }
      continue;
    }
    const [modifier, text] = searched(parameter.type, found) ?? [];
    if (text !== undefined && text !== '') return `${parameter.code}${modifier ?? ''}=${encodeURIComponent(text)}`;
  }
  return undefined;
}

function plainPart(component: Component, node: TypedValue, resource: JsonObject): string | undefined {
  for (const found of component.evaluate(node, resource)) {
    const [modifier, text] = searched(component.type, found) ?? [];
    if (modifier === '' && text !== undefined && text !== '') return text;
  }
  return undefined;
}

type Component = SearchParameter['components'][number];
type Searched = readonly [modifier: string, text: string] | undefined;

function searched(type: SearchParameter['type'], found: TypedValue): Searched {
  const { value } = found;
  switch (type) {
    case 'token':
      return token(found);
    case 'string':
      return plain(firstText(value)?.slice(0, 30));
    case 'uri':
      return plain(value);
    case 'reference':
      return reference(found);
    case 'date':
      return date(value);
    case 'number':
      return typeof value === 'number' ? ['', String(value)] : undefined;
    case 'quantity':
      return quantity(value);
    case 'composite':
    case 'special':
      return undefined;
  }
}

const plain = (text: JsonValue | undefined): Searched =>
  typeof text === 'string' ? ['', text.replace(/[\\,|$]/g, '\\$&')] : undefined;

function token({ type, value }: TypedValue): Searched {
  if (typeof value === 'boolean') return ['', String(value)];
  if (!isJsonObject(value)) return plain(value);
  if (type === 'CodeableReference') return token({ type: 'CodeableConcept', value: value['concept'] ?? null });
  const coding = Array.isArray(value['coding']) ? value['coding'][0] : value;
  const [, code] = (isJsonObject(coding) && plain(coding['code'] ?? coding['value'])) || [];
  if (code === undefined) {
    const [, text] = plain(value['text']) ?? [];
    return text === undefined ? undefined : [':text', text];
  }
  const [, system] = (type !== 'ContactPoint' && isJsonObject(coding) && plain(coding['system'])) || [];
  return ['', system === undefined ? code : `${system}|${code}`];
}

function firstText(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value;
  if (!isJsonObject(value)) return undefined;
  for (const member of ['family', 'city', 'text', 'given', 'line', 'country', 'display']) {
    const text = [value[member]].flat()[0];
    if (typeof text === 'string') return text;
  }
  return undefined;
}

function reference({ type, value }: TypedValue): Searched {
  if (type === 'CodeableReference' && isJsonObject(value)) {
    return reference({ type: 'Reference', value: value['reference'] ?? null });
  }
  const [, text] = plain(isJsonObject(value) ? value['reference'] : value) ?? [];
  // What is contained has no address of its own, and a text without a slash or a scheme is no address.
  if (text !== undefined) return /^#|^[^/:]*$/.test(text) ? undefined : ['', text];
  const identifier = isJsonObject(value) ? value['identifier'] : undefined;
  const [, searchedIdentifier] = (isJsonObject(identifier) && token({ type: 'Identifier', value: identifier })) || [];
  return searchedIdentifier === undefined ? undefined : [':identifier', searchedIdentifier];
}

function date(value: JsonValue): Searched {
  if (typeof value === 'string') return ['', value];
  if (!isJsonObject(value)) return undefined;
  if (typeof value['start'] === 'string') return ['', `ge${value['start']}`];
  return typeof value['end'] === 'string' ? ['', `le${value['end']}`] : undefined;
}

function quantity(value: JsonValue): Searched {
  if (!isJsonObject(value)) return undefined;
  const number = value['value'];
  if (typeof number !== 'number') return undefined;
  const [, system] = plain(value['system']) ?? [];
  const [, code] = plain(value['code'] ?? value['currency']) ?? [];
  // What a comparator (`<`, `>=`) leaves open is asked for as a range.
  const prefix = value['comparator'] === undefined ? '' : 'ne';
  return ['', `${prefix}${number}${code === undefined ? '' : `|${system ?? ''}|${code}`}`];
}
