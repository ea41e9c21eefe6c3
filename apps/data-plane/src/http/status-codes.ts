/**
 * From what went wrong to the HTTP status; `docs/http-status-codes.md` explains it to clients. The statuses of
 * OutcomeErrors stand in #fhir-store (`outcomeStatus`), because the entries of a batch need them too.
 */
import type { ErrorCategory } from '#platform';

/** Statuses and issue codes of DomainErrors, which everything else throws. */
export const statusOfDomainError = {
  invalid: { status: 400, issueCode: 'invalid' },
  unauthenticated: { status: 401, issueCode: 'login' },
  denied: { status: 403, issueCode: 'forbidden' },
  'not-found': { status: 404, issueCode: 'not-found' },
  gone: { status: 410, issueCode: 'deleted' },
  conflict: { status: 409, issueCode: 'conflict' },
  'precondition-failed': { status: 412, issueCode: 'processing' },
  unprocessable: { status: 422, issueCode: 'business-rule' },
  'too-large': { status: 413, issueCode: 'too-long' },
  'too-many-requests': { status: 429, issueCode: 'throttled' },
  unavailable: { status: 503, issueCode: 'transient' },
  internal: { status: 500, issueCode: 'exception' },
} as const satisfies Record<ErrorCategory, { status: number; issueCode: string }>;

/** Refusals of the HTTP layer itself: what Fastify and Nest answer before a route runs. */
export const issueCodeOfHttpStatus: Readonly<Record<number, { id?: string; issueCode: string; text: string }>> = {
  400: { issueCode: 'invalid', text: 'The request is malformed.' },
  401: { id: 'unauthorized', issueCode: 'login', text: 'Unauthorized' },
  403: { id: 'forbidden', issueCode: 'forbidden', text: 'Forbidden' },
  404: { id: 'not-found', issueCode: 'not-found', text: 'Not found' },
  405: { issueCode: 'not-supported', text: 'The method is not supported here.' },
  406: {
    issueCode: 'not-supported',
    text: 'This server answers in JSON only: Accept must include application/fhir+json, of the FHIR version of this address.',
  },
  408: { issueCode: 'timeout', text: 'The request did not arrive in time.' },
  413: { issueCode: 'too-long', text: 'The body is longer than this server takes.' },
  414: { issueCode: 'too-long', text: 'The address is longer than this server takes.' },
  415: {
    issueCode: 'not-supported',
    text: 'The body must be application/fhir+json or application/json in UTF-8, without Content-Encoding.',
  },
  416: { issueCode: 'value', text: 'The range lies behind the end of the content.' },
};
