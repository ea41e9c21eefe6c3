/**
 * What an operation is called with (https://hl7.org/fhir/R4/operations.html#request): the query of its URL, and by POST
 * a Parameters resource or, where an operation takes one, a resource by itself.
 */
import type { FastifyRequest } from 'fastify';
import { badRequest, isJsonObject, type JsonObject, type OperationDescription, readResource } from '#fhir';
import { queryOf } from '../query.js';
import { jsonText } from '../resource-body.js';

export interface OperationInput {
  /** Parameters with a primitive value, as text, those of the URL first. */
  readonly texts: readonly (readonly [name: string, value: string])[];
  /** Parameters with a value of a complex type, or a resource. */
  readonly objects: readonly (readonly [name: string, value: JsonObject])[];
  /** The body when it is no Parameters resource. */
  readonly body: JsonObject | undefined;
  /** Every parameter as it came. */
  readonly given: readonly GivenParameter[];
}

interface GivenParameter {
  readonly name: string;
  /** What holds the value, `valueString` or `resource`; undefined in a URL, where everything is text. */
  readonly member?: string;
  readonly content: string | JsonObject;
}

/**
 * Reads the input of a request. `about` is the type of the resource that the operation is about: where that is
 * Parameters itself, a body without a parameter `resource` is that resource. Throws 400 for a body that is no resource,
 * and 415 for one that is no JSON.
 */
export function operationInput(request: FastifyRequest, about?: string): OperationInput {
  const pairs = [...new URLSearchParams(queryOf(request))];
  const texts = pairs.filter(([, value]) => value !== '');
  const given: GivenParameter[] = pairs.map(([name, content]) => ({ name, content }));
  if (request.method !== 'POST' || request.body === undefined || request.body === '') {
    return { texts, objects: [], body: undefined, given };
  }
  const text = jsonText(request);
  // Clients that always send a body send an empty object where they have nothing to say.
  if (/^\s*\{\s*\}\s*$/.test(text)) return { texts, objects: [], body: undefined, given };
  const { value, resourceType } = readResource(text);
  if (resourceType !== 'Parameters' || (about === 'Parameters' && !holdsResource(value))) {
    return { texts, objects: [], body: value, given };
  }
  const objects: [string, JsonObject][] = [];
  for (const parameter of parametersOf(value)) {
    const read = readParameter(parameter);
    const { name, content } = read;
    if (isJsonObject(content)) objects.push([name, content]);
    else texts.push([name, content]);
    given.push(read);
  }
  return { texts, objects, body: undefined, given };
}

function holdsResource({ parameter }: JsonObject): boolean {
  return Array.isArray(parameter) && parameter.some((one) => isJsonObject(one) && one.name === 'resource');
}

function parametersOf({ parameter = [] }: JsonObject): JsonObject[] {
  if (!Array.isArray(parameter) || !parameter.every(isJsonObject)) throw malformed();
  return parameter;
}

function readParameter(parameter: JsonObject): GivenParameter {
  const { name } = parameter;
  const [[member, value] = [], ...others] = Object.entries(parameter).filter(([key]) => HOLDS_VALUE.test(key));
  if (typeof name !== 'string' || member === undefined || others.length > 0) throw malformed();
  if (value === undefined || value === null || Array.isArray(value)) throw malformed();
  return { name, member, content: isJsonObject(value) ? value : String(value) };
}

const HOLDS_VALUE = /^(?:value[A-Z]|resource$)/;

function malformed(): Error {
  return badRequest('Every parameter of Parameters needs a name, and one value or a resource.', {
    code: 'structure',
    expression: ['Parameters.parameter'],
  });
}

/** The one text of that name; undefined when there is none. Throws 400 for several. */
export function oneText({ texts }: OperationInput, name: string): string | undefined {
  const found = texts.filter(([other]) => other === name).map(([, value]) => value);
  if (found.length > 1) throw badRequest(`'${name}' may be given once only.`, { code: 'value', expression: [name] });
  return found[0];
}

/** The one truth value of that name; false when there is none. Throws 400 for several, and for anything else. */
export function oneFlag(input: OperationInput, name: string): boolean {
  const value = oneText(input, name) ?? 'false';
  if (value !== 'true' && value !== 'false') {
    throw badRequest(`The parameter '${name}' takes 'true' or 'false'.`, { code: 'value', expression: [name] });
  }
  return value === 'true';
}

/** Throws 400 for a parameter that the operation does not have: it would be ignored where it was meant. */
export function assertOnly({ texts, objects }: OperationInput, names: readonly string[]): void {
  const known = new Set([...names, '_format', '_pretty']);
  const stray = [...texts, ...objects].find(([name]) => !known.has(name))?.[0];
  if (stray === undefined) return;
  throw badRequest(`The operation has no parameter '${stray}'; it has: ${names.join(', ')}.`, {
    code: 'not-supported',
    expression: [stray],
  });
}

/**
 * Throws 400 for a parameter of the operation that is empty, or not of the type that its definition says: who sent it meant
 * something by it, and what it would be taken for is something else.
 */
export function assertTyped({ given }: OperationInput, { parameter }: OperationDescription): void {
  const types = new Map(parameter.flatMap(({ name, use, type }) => (use === 'in' && type ? [[name, type]] : [])));
  for (const { name, member, content } of given) {
    const type = types.get(name);
    if (type === undefined) continue;
    const problem = { code: 'value', expression: [name] };
    if (typeof content === 'string' && content.trim() === '') throw badRequest(`'${name}' must not be empty.`, problem);
    if (member === undefined) continue;
    const wanted = `value${type.charAt(0).toUpperCase()}${type.slice(1)}`;
    // The names of primitive types begin with a small letter (https://hl7.org/fhir/R4/datatypes.html).
    const isPrimitive = /^[a-z]/.test(type);
    if (member === wanted && isPrimitive === (typeof content === 'string')) continue;
    throw badRequest(`The parameter '${name}' is given as ${wanted}, not as ${member.slice(0, 64)}.`, problem);
  }
}
