import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { DomainError, type ErrorCategory } from '#platform';

/** A field of the request that cannot be accepted, with one sentence that says what is expected. */
export interface FieldProblem {
  /** Dotted path: `owner.email`. */
  field: string;
  message: string;
}

/** An error body of RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457) with our `code` and `requestId`. */
interface Problem {
  type: 'about:blank';
  title: string;
  status: number;
  /** Stable and machine-readable; part of the API. */
  code: string;
  detail: string;
  requestId: string;
  errors?: FieldProblem[];
  [member: string]: unknown;
}

export interface ProblemAnswer {
  problem: Problem;
  headers: Record<string, string>;
  /** Whether the cause is ours and belongs in the log. */
  isFault: boolean;
}

const statusOf = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  'not-found': 404,
  conflict: 409,
  gone: 410,
  'precondition-failed': 412,
  'too-large': 413,
  unprocessable: 422,
  'too-many-requests': 429,
  internal: 500,
  unavailable: 503,
} satisfies Record<ErrorCategory, number>;

/** What the caller is told of an error. Only a DomainError's own words are shown; the rest is named by its status. */
export function toProblem(error: unknown, requestId: string): ProblemAnswer {
  if (error instanceof DomainError && error.category !== 'internal') return fromDomainError(error, requestId);
  const rejection = requestRejection(error);
  if (rejection !== undefined) {
    return {
      problem: problem(rejection.status, rejection.code, rejection.detail, requestId),
      headers: {},
      isFault: false,
    };
  }
  const detail = `The request could not be completed. Quote the request id ${requestId} when you report this.`;
  return { problem: problem(500, 'internal', detail, requestId), headers: {}, isFault: true };
}

function fromDomainError(error: DomainError, requestId: string): ProblemAnswer {
  const status = statusOf[error.category];
  const headers: Record<string, string> = {};
  if (error.retryAfterSeconds !== undefined) headers['Retry-After'] = String(Math.ceil(error.retryAfterSeconds));
  // RFC 6750 section 3: a challenge stands with every 401.
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer';
  // The standard members stand last, so that no detail can replace them.
  return {
    problem: { ...error.details, ...problem(status, error.code, error.message, requestId) },
    headers,
    isFault: false,
  };
}

function problem(status: number, code: string, detail: string, requestId: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail, requestId };
}

interface Rejection {
  status: number;
  code: string;
  detail: string;
}

/** What Fastify and Nest refuse before a controller runs, by the status that they give it. */
function requestRejection(error: unknown): Rejection | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { statusCode, code: frameworkCode } = error as { statusCode?: unknown; code?: unknown };
  if (frameworkCode === 'FST_ERR_BAD_URL') return malformedPath;
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  const [code, detail] = rejections[status] ?? ['request-refused', STATUS_CODES[status] ?? 'The request was refused.'];
  return { status, code, detail };
}

const malformedPath = { status: 400, code: 'malformed-path', detail: 'The path is not valid percent-encoding.' };

const rejections: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  400: ['invalid-json', 'The body is not valid JSON.'],
  404: ['route-not-found', 'There is no such route.'],
  413: ['body-too-large', 'The body is larger than this API accepts.'],
  415: ['unsupported-media-type', 'The body must be JSON: send Content-Type: application/json.'],
};
