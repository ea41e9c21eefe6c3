/** The plainest search for a value that a resource has, which must find that resource. */
import { isJsonObject, type JsonObject, type JsonValue, type SearchParameter, type TypedValue } from '#fhir';

/** Why no search can be made from a value: it is left out knowingly, and every other value must be found. */
export type LeftOut =
  /** A reference to a resource inside the resource, which has no address of its own, or a text that is no address. */
  | 'no address'
  /** An element that holds nothing that the parameter asks for: extensions alone, a concept without code and text. */
  | 'nothing to ask for'
  /** A composite one of whose parts is left out, or has no value. */
  | 'part missing'
  /** Geography, which the server refuses. */
  | 'special';

/** A search, with the type of the value that it is made from. */
export type PlainSearch = { readonly query: string; readonly type: string } | { readonly leftOut: LeftOut };

/**
 * `parameter=value` for the first value of the resource from which such a search can be made, or why there is none;
 * undefined when the parameter finds nothing in the resource. Throws for a value of a kind that is not known here.
 */
export function plainSearch(parameter: SearchParameter, resource: JsonObject): PlainSearch | undefined {
  // The values of `_in` are not what is searched for: it asks for the members of the groups that it names.
  if (parameter.code === '_in') return undefined;
  let leftOut: LeftOut | undefined;
  for (const found of parameter.evaluate(resource)) {
    const text = plainText(parameter, found, resource);
    if (typeof text !== 'string') {
      return { query: `${parameter.code}${text[0]}=${encodeURIComponent(text[1])}`, type: found.type };
    }
    leftOut ??= text;
  }
  return leftOut && { leftOut };
}

function plainText(parameter: SearchParameter, found: TypedValue, resource: JsonObject): Searched {
  if (parameter.embeds) return embedded(found);
  if (parameter.type !== 'composite') return searched(parameter.type, found);
  const parts = parameter.components.map((component) => plainPart(component, found, resource));
  return parts.every((part) => part !== undefined) ? ['', parts.join('$')] : 'part missing';
}

function plainPart(component: Component, node: TypedValue, resource: JsonObject): string | undefined {
  for (const found of component.evaluate(node, resource)) {
    const text = searched(component.type, found);
    if (typeof text !== 'string' && text[0] === '') return text[1];
  }
  return undefined;
}

type Component = SearchParameter['components'][number];
type Searched = readonly [modifier: string, text: string] | LeftOut;

/** A resource inside the resource is asked for by its id, or by what it is. */
function embedded({ type, value }: TypedValue): Searched {
  const id = isJsonObject(value) ? value['id'] : undefined;
  return typeof id === 'string' ? ['', `${type}/${id}`] : [`:${type}._id:missing`, 'false'];
}

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
      return date(found);
    case 'number':
      return typeof value === 'number' ? ['', String(value)] : unknown(found);
    case 'quantity':
      return quantity(found);
    case 'composite':
    case 'special':
      return 'special';
  }
}

function unknown({ type, value }: TypedValue): never {
  throw new Error(`It is not known how to search for this value of the type ${type}: ${JSON.stringify(value)}`);
}

const plain = (text: JsonValue | undefined): Searched =>
  typeof text === 'string' && text !== '' ? ['', text.replace(/[\\,|$]/g, '\\$&')] : 'nothing to ask for';

const textOf = (text: Searched): string | undefined => (typeof text === 'string' ? undefined : text[1]);

function token({ type, value }: TypedValue): Searched {
  if (typeof value === 'boolean') return ['', String(value)];
  if (!isJsonObject(value)) return plain(value);
  if (type === 'CodeableReference') return token({ type: 'CodeableConcept', value: value['concept'] ?? null });
  const coding = Array.isArray(value['coding']) ? value['coding'][0] : value;
  const code = isJsonObject(coding) ? textOf(plain(coding['code'] ?? coding['value'])) : undefined;
  if (code === undefined) {
    const text = textOf(plain(value['text']));
    return text === undefined ? 'nothing to ask for' : [':text', text];
  }
  const system = type !== 'ContactPoint' && isJsonObject(coding) ? textOf(plain(coding['system'])) : undefined;
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
  const text = textOf(plain(isJsonObject(value) ? value['reference'] : value));
  // What is contained has no address of its own, and a text without a slash or a scheme is no address.
  if (text !== undefined) return /^#|^[^/:]*$/.test(text) ? 'no address' : ['', text];
  const identifier = isJsonObject(value) ? value['identifier'] : undefined;
  const searchedIdentifier = isJsonObject(identifier)
    ? textOf(token({ type: 'Identifier', value: identifier }))
    : undefined;
  return searchedIdentifier === undefined ? 'nothing to ask for' : [':identifier', searchedIdentifier];
}

function date({ type, value }: TypedValue): Searched {
  // Some elements hold a date or a text about one.
  if (typeof value === 'string') return type === 'string' ? 'nothing to ask for' : ['', value];
  if (!isJsonObject(value)) return unknown({ type, value });
  if (typeof value['start'] === 'string') return ['', `ge${value['start']}`];
  if (typeof value['end'] === 'string') return ['', `le${value['end']}`];
  const [event] = Array.isArray(value['event']) ? value['event'] : [];
  if (typeof event === 'string') return ['', event];
  const bounds = isJsonObject(value['repeat']) ? value['repeat']['boundsPeriod'] : undefined;
  return isJsonObject(bounds) ? date({ type: 'Period', value: bounds }) : 'nothing to ask for';
}

function quantity({ type, value }: TypedValue): Searched {
  if (!isJsonObject(value)) return unknown({ type, value });
  const { low, high, origin } = value;
  // A Range or a SampledData reaches over what is between its ends; the ends themselves are asked for one by one.
  if (isJsonObject(origin)) return measured('lt', { ...origin, value: Number.MAX_SAFE_INTEGER });
  if (isJsonObject(low)) return measured('ge', low);
  if (isJsonObject(high)) return measured('le', high);
  // What a comparator (`<`, `>=`) leaves open is asked for as a range.
  return measured(value['comparator'] === undefined ? '' : 'ne', value);
}

function measured(prefix: string, { value, system, code, currency }: JsonObject): Searched {
  if (typeof value !== 'number') return 'nothing to ask for';
  const name = textOf(plain(code ?? currency));
  return ['', `${prefix}${value}${name === undefined ? '' : `|${textOf(plain(system)) ?? ''}|${name}`}`];
}
