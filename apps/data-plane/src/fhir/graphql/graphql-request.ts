/** Reading a GraphQL request out of HTTP (https://graphql.github.io/graphql-over-http/draft/#sec-Request). */
import type { FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import type { GraphqlRequest } from '#fhir-graphql';
import { withStoredAddresses } from '../../storage/received-links.js';
import { queryOf } from '../query.js';
import { jsonText } from '../resource-body.js';

type RequestText = Omit<GraphqlRequest, 'instance'>;

const GRAPHQL_TYPE = /^application\/graphql\s*(?:;|$)/i;

/** The request in a query string. Throws 400 when it has no `query` or its `variables` are no JSON object. */
export function graphqlOfUrl(request: FastifyRequest): RequestText {
  const parameters = new URLSearchParams(queryOf(request));
  const variables = parameters.get('variables');
  return graphqlRequest({
    query: parameters.get('query'),
    operationName: parameters.get('operationName'),
    variables: variables === null || variables === '' ? null : parseJson(variables, 'variables'),
  });
}

/**
 * The request in a body: JSON with `query`, `operationName` and `variables`, or the query alone as `application/graphql`;
 * without a body, that in the query string. Throws 400 for another form and 415 for another type.
 */
export function graphqlOfBody(request: FastifyRequest): RequestText {
  const { body, headers } = request;
  if (GRAPHQL_TYPE.test(headers['content-type'] ?? '') && typeof body === 'string')
    return graphqlRequest({ query: withStoredAddresses(request, body) });
  if ((body === undefined || body === '') && queryOf(request).includes('query=')) return graphqlOfUrl(request);
  return graphqlRequest(parseJson(withStoredAddresses(request, jsonText(request)), 'the body'));
}

function graphqlRequest(value: unknown): RequestText {
  if (!isObject(value)) throw wrong('A GraphQL request must be one JSON object; arrays of requests are not supported.');
  const { query, operationName, variables } = value;
  if (typeof query !== 'string' || query.trim() === '') throw wrong('A GraphQL request needs a query.', 'query');
  if (!isAbsent(operationName) && typeof operationName !== 'string') {
    throw wrong('operationName must be a string.', 'operationName');
  }
  if (!isAbsent(variables) && !isObject(variables)) throw wrong('variables must be a JSON object.', 'variables');
  return {
    query,
    // Clients send an empty name for none.
    ...(isAbsent(operationName) || operationName === '' ? {} : { operationName }),
    ...(isAbsent(variables) ? {} : { variables }),
  };
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw wrong(`The JSON of ${what} cannot be read.`);
  }
}

const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrong = (text: string, name?: string): Error =>
  badRequest(text, { code: 'structure', ...(name === undefined ? {} : { expression: [name] }) });
