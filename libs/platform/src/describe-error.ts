export interface ErrorDescription {
  type: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: ErrorDescription;
}

const deepestCause = 5;

/**
 * What a log shows of an error. Nothing but these members: drivers hang whole connections, rows that PostgreSQL quotes
 * (`detail`, `where`) and other things on their errors that do not belong into a log. A value that is thrown and no Error
 * is not shown.
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: 'something that is no Error was thrown' };
  const { code } = error as { code?: unknown };
  const message = messageOf(error, code);
  return {
    type: error.constructor.name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack.replace(error.message, () => message) }),
    ...(error.cause === undefined || depth === deepestCause ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** What PostgreSQL says of a value that it cannot take (class 22) quotes the value, which may be a patient's. */
function messageOf({ message }: Error, code: unknown): string {
  return typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code) ? message.replace(/"[^]*"/, '"…"') : message;
}
