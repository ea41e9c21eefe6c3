/** An error body of the control plane (RFC 9457, https://www.rfc-editor.org/rfc/rfc9457), as far as it can be relied on. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  readonly [member: string]: unknown;
}

/** The control plane has refused a request, and says why. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** Nothing came of a request or a command, for a reason that its message says in whole; the fault is no bug of ours. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command line, or the address that it means, is wrong; nothing was sent. */
export class UsageError extends CommandError {}

/** The user wants no more of it. */
export class InterruptedError extends CommandError {
  constructor(message = 'Interrupted.') {
    super(message);
  }
}

/** There is no way to the control plane, or there was one and it broke. */
export class UnreachableError extends CommandError {}

/** The problem in an answer that is no success; whatever a server that is no control plane sends becomes one. */
export function problemOf(status: number, body: string): Problem {
  const parsed = parseObject(body);
  if (parsed !== undefined && typeof parsed['detail'] === 'string' && typeof parsed['code'] === 'string') {
    return { ...parsed, status, code: parsed['code'], detail: parsed['detail'] };
  }
  return { status, code: 'unexpected-answer', detail: 'The answer is not one of a control plane; is the URL right?' };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // A page of a proxy, for example.
    return undefined;
  }
}
