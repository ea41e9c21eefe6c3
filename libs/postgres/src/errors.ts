/** The SQLSTATE of an error that PostgreSQL sent (https://www.postgresql.org/docs/18/errcodes-appendix.html). */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { code?: unknown };
  // Node's own codes (ECONNREFUSED) are longer or hold no digit.
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** A row with this key exists. With `constraint` only when that constraint or index says so. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return sqlState(error) === '23505' && (constraint === undefined || constraintOf(error) === constraint);
}

/** The transaction met another one and may be tried again from its start: serialization failure or deadlock. */
export function isSerializationFailure(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

function constraintOf(error: unknown): unknown {
  return (error as { constraint?: unknown }).constraint;
}
