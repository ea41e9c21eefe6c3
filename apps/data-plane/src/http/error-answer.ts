/**
 * Turns whatever was thrown into the answer a client gets: a status, headers and an OperationOutcome. Nothing here
 * repeats resource data, SQL, host names of ours or a stack; what nobody foresaw is a 500 with a neutral text, and the
 * log has the rest under the request's id.
 */
import { HttpException } from '@nestjs/common';
import { type Issue, operationOutcome, OutcomeError } from '#fhir';
import { outcomeStatus, StaleRights } from '#fhir-store';
import { DomainError } from '#platform';
import { isSerializationFailure, sqlState } from '#postgres';
import { HttpStatusError } from './http-status-error.js';
import { issueCodeOfHttpStatus, statusOfDomainError } from './status-codes.js';

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** A fault of ours, to be logged. */
  readonly unexpected: boolean;
}

/** HTTP Basic works too, but offering it would make browsers ask their user for a password. */
const WWW_AUTHENTICATE = 'Bearer realm="fhir"';
const RETRY_SOON_SECONDS = 1;

/** Never throws. */
export function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof OutcomeError) return ofOutcome(error);
  if (error instanceof DomainError) return ofDomainError(error);
  if (error instanceof StaleRights) return tryAgain('Rights are being changed. Try again.');
  if (error instanceof HttpStatusError) return ofHttp(error.status, error.headers);
  if (error instanceof HttpException) return ofHttp(error.getStatus());
  return ofDatabase(error) ?? ofFastify(error) ?? unexpected();
}

function ofOutcome(error: OutcomeError): ErrorAnswer {
  const status = outcomeStatus[error.category];
  if (status === 500) return unexpected();
  return answer(status, error.outcomeId, error.issues, status === 503 ? RETRY_SOON_SECONDS : undefined);
}

function ofDomainError(error: DomainError): ErrorAnswer {
  const { status, issueCode } = statusOfDomainError[error.category];
  if (status === 500) return unexpected();
  const id = status === 404 ? 'not-found' : status === 429 ? 'too-many-requests' : error.code;
  const refusal = answer(
    status,
    id,
    [{ severity: 'error', code: issueCode, text: error.message }],
    error.retryAfterSeconds,
  );
  if (status !== 429) return refusal;
  // draft-ietf-httpapi-ratelimit-headers: nothing is left, for so many seconds. Not exposed to pages (see cors.ts).
  const rateLimit = `"${error.code}";r=0;t=${error.retryAfterSeconds ?? 0}`;
  return { ...refusal, headers: { ...refusal.headers, ratelimit: rateLimit } };
}

/** Refusals that carry a status only. A client's mistake that has no text of its own is answered 400. */
function ofHttp(status: number, headers: Readonly<Record<string, string>> = {}): ErrorAnswer {
  if (status >= 500) return unexpected();
  const known = issueCodeOfHttpStatus[status];
  if (known === undefined) return ofHttp(400);
  const refusal = answer(status, known.id, [{ severity: 'error', code: known.issueCode, text: known.text }]);
  return { ...refusal, headers: { ...refusal.headers, ...headers } };
}

/** Errors that Fastify raises where Nest does not see them first; they carry the status to answer. */
function ofFastify(error: unknown): ErrorAnswer | undefined {
  const { statusCode, code } = (error ?? {}) as { statusCode?: unknown; code?: unknown };
  const isFastify = typeof code === 'string' && code.startsWith('FST_') && typeof statusCode === 'number';
  return isFastify && statusCode < 500 ? ofHttp(statusCode) : undefined;
}

/** What PostgreSQL and the network say, where the store had no better word for it. */
function ofDatabase(error: unknown): ErrorAnswer | undefined {
  const state = sqlState(error);
  if (state === undefined) return undefined;
  if (isSerializationFailure(error)) {
    return answer(409, 'conflict', [
      { severity: 'error', code: 'conflict', text: 'Another request was quicker. Try again.' },
    ]);
  }
  if (state === '57014') {
    return answer(400, undefined, [
      { severity: 'error', code: 'too-costly', text: 'The request takes longer than this server allows.' },
    ]);
  }
  // 08 connection, 53 resources, 55P03 lock timeout, 57P shutting down.
  const passing = state.startsWith('08') || state.startsWith('53') || state.startsWith('57P') || state === '55P03';
  return passing ? tryAgain('The database is busy. Try again.') : undefined;
}

function tryAgain(text: string): ErrorAnswer {
  return answer(503, undefined, [{ severity: 'error', code: 'transient', text }], RETRY_SOON_SECONDS);
}

function unexpected(): ErrorAnswer {
  const issue: Issue = { severity: 'fatal', code: 'exception', text: 'Internal server error' };
  return { ...answer(500, undefined, [issue]), unexpected: true };
}

function answer(status: number, id: string | undefined, issues: readonly Issue[], retryAfter?: number): ErrorAnswer {
  const headers: Record<string, string> = {};
  if (status === 401) headers['www-authenticate'] = WWW_AUTHENTICATE;
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  return { status, headers, body: JSON.stringify(operationOutcome(id, issues)), unexpected: false };
}
