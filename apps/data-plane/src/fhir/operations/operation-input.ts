/**
 * What an operation is called with (https://hl7.org/fhir/R4/operations.html#request): the query of its URL, and by POST
 * a Parameters resource or, where an operation takes one, a resource by itself.
 */
import type { FastifyRequest } from 'fastify';
import { badRequest, isJsonObject, type JsonObject, readResource } from '#fhir';
import { queryOf } from '../query.js';
import { jsonText } from '../resource-body.js';

export interface OperationInput {
  /** Parameters with a primitive value, as text, those of the URL first. */
  readonly texts: readonly (readonly [name: string, value: string])[];
  /** Parameters with a value of a complex type, or a resource. */
  readonly objects: readonly (readonly [name: string, value: JsonObject])[];
  /** The body when it is no Parameters resource. */
  readonly body: JsonObject | undefined;
}

/**
 * Reads the input of a request. `about` is the type of the resource that the operation is about: where that is
 * Parameters itself, a body without a parameter `resource` is that resource. Throws 400 for a body that is no resource,
 * and 415 for one that is no JSON.
 */
export function operationInput(request: FastifyRequest, about?: string): OperationInput {
  const texts: [string, string][] = [...new URLSearchParams(queryOf(request))].filter(([, value]) => value !== '');
  if (request.method !== 'POST' || request.body === undefined || request.body === '') {
    return { texts, objects: [], body: undefined };
  }
  const text = jsonText(request);
  // Clients that always send a body send an empty object where they have nothing to say.
  if (/^\s*\{\s*\}\s*$/.test(text)) return { texts, objects: [], body: undefined };
  const { value, resourceType } = readResource(text);
  if (resourceType !== 'Parameters' || (about === 'Parameters' && !holdsResource(value))) {
    return { texts, objects: [], body: value };
  }
  const objects: [string, JsonObject][] = [];
  for (const parameter of parametersOf(value)) {
    const { name, content } = readParameter(parameter);
    if (isJsonObject(content)) objects.push([name, content]);
    else texts.push([name, content]);
  }
  return { texts, objects, body: undefined };
}

function holdsResource({ parameter }: JsonObject): boolean {
  return Array.isArray(parameter) && parameter.some((one) => isJsonObject(one) && one.name === 'resource');
}

function parametersOf({ parameter = [] }: JsonObject): JsonObject[] {
  if (!Array.isArray(parameter) || !parameter.every(isJsonObject)) throw malformed();
  return parameter;
}

function readParameter(parameter: JsonObject): { name: string; content: string | JsonObject } {
  const { name } = parameter;
  const value = parameter.resource ?? Object.entries(parameter).find(([member]) => /^value[A-Z]/.test(member))?.[1];
  if (typeof name !== 'string' || value === undefined || value === null || Array.isArray(value)) throw malformed();
  return { name, content: isJsonObject(value) ? value : String(value) };
}

function malformed(): Error {
  return badRequest('Every parameter of Parameters needs a name, and a value or a resource.', {
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
