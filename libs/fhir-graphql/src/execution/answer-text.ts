import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { operationOutcome, OutcomeError, writeLossless, type JsonValue } from '#fhir';

export interface GraphqlAnswer {
  /** The HTTP status that goes with it. */
  readonly status: 200 | 400 | 405;
  /** JSON in GraphQL's form: `{"data":…,"errors":[…]}`. */
  readonly body: string;
}

/**
 * The JSON of a result. Each error carries an OperationOutcome, as https://hl7.org/fhir/R4/graphql.html#errors asks, and
 * stands before the data, so that it is seen in a long answer.
 */
export function answerText({ data, errors = [] }: { data?: unknown; errors?: readonly GraphQLError[] }): string {
  const answer = {
    ...(errors.length > 0 ? { errors: errors.map(formatError) } : {}),
    ...(data === undefined ? {} : { data }),
  };
  return writeLossless(answer as JsonValue);
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
