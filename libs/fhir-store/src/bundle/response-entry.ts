import { internalError, operationOutcome, OutcomeError, unavailable, type OutcomeCategory } from '#fhir';
import { DomainError } from '#platform';
import type { StoredVersion } from '../stored-version.js';
import type { OperationAnswer, ReturnPreference } from './bundle-context.js';
import { eTag, shownBody, type Presentation } from './presentation.js';

/** The HTTP status of each category of outcome (https://hl7.org/fhir/R4/http.html#summary). */
export const outcomeStatus = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  gone: 410,
  conflict: 409,
  'precondition-failed': 412,
  'multiple-matches': 412,
  unprocessable: 422,
  'too-large': 413,
  'too-costly': 400,
  'not-supported': 400,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<OutcomeCategory, number>;

const success = (id: string, text: string) =>
  JSON.stringify({
    resourceType: 'OperationOutcome',
    id,
    issue: [{ severity: 'information', code: 'informational', details: { text } }],
  });

/** Clients tell success by the ids of these outcomes. */
const outcomes = {
  200: success('ok', 'All OK'),
  201: success('created', 'Created'),
  304: success('not-modified', 'Not Modified'),
} as const;

/**
 * The text of a response entry about one version. `shown` is what it holds besides status, address and number: nothing,
 * an outcome, or both the outcome and the resource.
 */
export function versionEntry(
  status: keyof typeof outcomes,
  version: StoredVersion,
  presentation: Presentation,
  shown: ReturnPreference,
): string {
  const location = `${presentation.baseUrl}${version.type}/${version.id}/_history/${version.versionId}`;
  const outcome = shown === 'minimal' ? '' : `,"outcome":${outcomes[status]}`;
  const response =
    `{"status":"${status}","location":${JSON.stringify(location)},"etag":${JSON.stringify(eTag(version))},` +
    `"lastModified":"${version.lastUpdated}"${outcome}}`;
  const hasResource = shown === 'representation' && !version.deleted && status !== 304;
  return `{"response":${response}${hasResource ? `,"resource":${shownBody(version, presentation)}` : ''}}`;
}

/** The text of a response entry whose result is no stored version: a searchset, a history, an operation's result. */
export const resourceEntry = (resource: string | undefined): string =>
  `{"response":{"status":"200","outcome":${outcomes[200]}}${resource === undefined ? '' : `,"resource":${resource}`}}`;

/** The text of a response entry for an operation: its result, or the outcome and status with which it was refused. */
export const operationEntry = ({ status, body }: OperationAnswer): string =>
  status < 400 ? resourceEntry(body) : `{"response":{"status":"${status}","outcome":${body}}}`;

/** The text of a response entry for an interaction that failed. */
export function errorEntry(error: OutcomeError): string {
  const outcome = JSON.stringify(operationOutcome(error.outcomeId, error.issues));
  return `{"response":{"status":"${outcomeStatus[error.category]}","outcome":${outcome}}}`;
}

/** What an entry that failed by `error` is answered; category `internal` for what is a fault of ours. */
export function asOutcome(error: unknown): OutcomeError {
  if (error instanceof OutcomeError) return error;
  if (error instanceof DomainError && error.category === 'unavailable') return unavailable(error.message);
  return internalError(error);
}
