import type { Issue } from './issue.js';

/** Why a FHIR request failed. One filter at the HTTP edge turns a category into a status. */
export type OutcomeCategory =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'gone'
  | 'conflict'
  | 'precondition-failed'
  | 'multiple-matches'
  | 'unprocessable'
  | 'too-large'
  | 'too-costly'
  | 'not-supported'
  | 'unavailable'
  | 'internal';

/**
 * Per category: the id of the OperationOutcome, if it has one, and the issue code
 * (https://hl7.org/fhir/R4/valueset-issue-type.html).
 */
const outcomes = {
  invalid: { code: 'invalid' },
  unauthorized: { id: 'unauthorized', code: 'login' },
  forbidden: { id: 'forbidden', code: 'forbidden' },
  'not-found': { id: 'not-found', code: 'not-found' },
  gone: { id: 'gone', code: 'deleted' },
  conflict: { id: 'conflict', code: 'conflict' },
  'precondition-failed': { id: 'precondition-failed', code: 'processing' },
  'multiple-matches': { id: 'multiple-matches', code: 'multiple-matches' },
  unprocessable: { code: 'business-rule' },
  'too-large': { code: 'too-long' },
  'too-costly': { code: 'too-costly' },
  'not-supported': { code: 'not-supported' },
  unavailable: { code: 'transient' },
  internal: { code: 'exception' },
} as const satisfies Record<OutcomeCategory, { id?: string; code: string }>;

/** A failure that the FHIR API answers with an OperationOutcome. Thrown below controllers instead of HTTP exceptions. */
export class OutcomeError extends Error {
  override readonly name = 'OutcomeError';
  readonly category: OutcomeCategory;
  readonly issues: Issue[];
  readonly outcomeId?: string;

  constructor(category: OutcomeCategory, issues: Issue[], options?: { cause?: unknown }) {
    super(issues.map((issue) => issue.text).join('; '), options);
    this.category = category;
    this.issues = issues;
    const outcome: { id?: string; code: string } = outcomes[category];
    if (outcome.id !== undefined) this.outcomeId = outcome.id;
  }
}

function outcome(category: OutcomeCategory, text: string, details?: { code?: string; expression?: string[] }) {
  const issue: Issue = { severity: 'error', code: details?.code ?? outcomes[category].code, text };
  if (details?.expression) issue.expression = details.expression;
  return new OutcomeError(category, [issue]);
}

/** No such resource, version or route that this caller may know of. */
export const notFound = (): OutcomeError => outcome('not-found', 'Not found');

/** The resource was deleted, and the caller could see its last version. */
export const gone = (): OutcomeError => outcome('gone', 'Gone');

/** A policy denies it. The text says no more than that unless the caller may know. */
export const forbidden = (text = 'Forbidden'): OutcomeError => outcome('forbidden', text);

/** No valid token. */
export const unauthorized = (): OutcomeError => outcome('unauthorized', 'Unauthorized');

/** The request itself is wrong. `code` defaults to `invalid`; `expression` names the element or parameter. */
export const badRequest = (text: string, details?: { code?: string; expression?: string[] }): OutcomeError =>
  outcome('invalid', text, details);

/** The resource does not have the form that its type demands; `issues` come from `FhirVersion.validate`. */
export const invalidResource = (issues: Issue[]): OutcomeError => new OutcomeError('invalid', issues);

/** Another writer was quicker, or what should be made is there already. */
export const conflict = (text: string): OutcomeError => outcome('conflict', text);

/** `If-Match` names another version, or a conditional write has no effective criterion. */
export const preconditionFailed = (text: string): OutcomeError => outcome('precondition-failed', text);

/** A conditional interaction matched more than one resource. */
export const multipleMatches = (): OutcomeError =>
  outcome('multiple-matches', 'More than one resource matches the condition');

/** Well formed, but against a business rule. */
export const unprocessable = (text: string): OutcomeError => outcome('unprocessable', text);

/** The body is longer than the server takes. */
export const tooLarge = (text: string): OutcomeError => outcome('too-large', text);

/** The query would take longer than the server allows. */
export const tooCostly = (text: string): OutcomeError => outcome('too-costly', text);

/** A part of the standard that this server does not have (yet). */
export const notSupported = (text: string): OutcomeError => outcome('not-supported', text);

/** It will work again shortly. */
export const unavailable = (text: string): OutcomeError => outcome('unavailable', text);

/** A fault of ours; the cause is for the log, never for the client. */
export const internalError = (cause: unknown): OutcomeError =>
  new OutcomeError('internal', [{ severity: 'fatal', code: outcomes.internal.code, text: 'Internal server error' }], {
    cause,
  });
