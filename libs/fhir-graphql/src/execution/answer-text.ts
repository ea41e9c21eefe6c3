import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { operationOutcome, OutcomeError, tooCostly, writeLossless, type JsonValue } from '#fhir';
import { requestLimits } from './request-budget.js';

export interface GraphqlAnswer {
  /** The HTTP status that goes with it. */
  readonly status: 200 | 400 | 405;
  /** JSON in GraphQL's form: `{"data":…,"errors":[…]}`. */
  readonly body: string;
}

/**
 * The answer with a result, or 400 `too-costly` when its text would be too long; that is found out before it is written.
 * Each error carries an OperationOutcome, as https://hl7.org/fhir/R4/graphql.html#errors asks, and stands before the
 * data, so that it is seen in a long answer.
 */
export function answerOf(
  status: GraphqlAnswer['status'],
  { data, errors = [] }: { data?: unknown; errors?: readonly GraphQLError[] },
): GraphqlAnswer {
  const formatted: GraphQLFormattedError[] = [];
  let left = bytesLeft(data, requestLimits.answerBytes);
  for (const error of errors) {
    const shown = formatError(error);
    left = bytesLeft(shown, left);
    if (left < 0) break;
    formatted.push(shown);
  }
  if (left < 0) return tooMuch(`The answer would have more than ${requestLimits.answerBytes / 1024 / 1024} MB.`);
  const answer = { ...(errors.length > 0 ? { errors: formatted } : {}), ...(data === undefined ? {} : { data }) };
  return { status, body: writeLossless(answer as JsonValue) };
}

/** The answer to a request that is too costly; `excess` is a sentence that says in what. */
export function tooMuch(excess: string): GraphqlAnswer {
  const error = tooCostly(`${excess} Ask for less at a time.`);
  return answerOf(400, { errors: [new GraphQLError(error.message, { originalError: error })] });
}

/** What remains of so many bytes when the value is written; below zero, it was not looked at any further. */
function bytesLeft(value: unknown, bytes: number): number {
  let left = bytes;
  if (typeof value === 'string') return left - Buffer.byteLength(value) - 2;
  if (typeof value !== 'object' || value === null) return left - 5;
  // The names in a list are its indexes and are not written, which makes no difference here.
  for (const [name, member] of Object.entries(value)) {
    left = bytesLeft(member, left - name.length - 4);
    if (left < 0) break;
  }
  return left;
}

function formatError(error: GraphQLError): GraphQLFormattedError {
  const { originalError, locations, path } = error;
  // A text of the client's may stand in it; NUL marks the numbers of a result.
  const message = error.message.replaceAll('\u0000', '');
  const issues =
    originalError instanceof OutcomeError
      ? originalError.issues
      : [{ severity: 'error', code: 'invalid', text: message } as const];
  const id = originalError instanceof OutcomeError ? originalError.outcomeId : undefined;
  return {
    message,
    ...(locations === undefined ? {} : { locations }),
    ...(path === undefined ? {} : { path }),
    extensions: { resource: operationOutcome(id, issues) },
  };
}
