import { sqlState } from '#postgres';

/** Why a database was not migrated, as it is recorded and shown to operators. It holds no data of the tenant. */
export interface SchemaFailure {
  /** The migration that failed, when it had begun. */
  readonly migration?: string;
  /** The failed statement: its place in the migration, from 1, and its text. */
  readonly statement?: { readonly number: number; readonly text: string };
  /** PostgreSQL's SQLSTATE, or a word of ours: see migrateSchema and runBackfill, and `connection` for one that was lost. */
  readonly code: string;
  readonly message: string;
  /** The character of the statement at which PostgreSQL found the error, from 1. */
  readonly position?: number;
  /** Whether the same attempt may succeed later: locks, deadlocks and lost connections. */
  readonly isTransient: boolean;
}

/** A tenant database could not be brought to the schema that was asked for; a transactional step left no trace. */
export class SchemaError extends Error {
  constructor(
    readonly failure: SchemaFailure,
    options?: ErrorOptions & {
      /** The schema that the database has now, as far as was seen: steps before the failed one stay. */
      readonly reached?: number;
    },
  ) {
    super(failure.message, options);
    this.name = 'SchemaError';
    this.reached = options?.reached;
  }

  readonly reached: number | undefined;
}

/**
 * Class 08 and 57P: connection lost or server ending; 25P03: ended by the server because we sent nothing for too long; 40:
 * deadlock, serialization; 53: resources; 55P03: lock timeout.
 */
const transientStates = /^(08...|25P03|57P..|40...|53...|55P03|55006)$/;

/**
 * What PostgreSQL said of a statement. Only its message, state and position are kept: `detail` and `where` quote rows.
 */
export function failureOf(error: unknown, where: Pick<SchemaFailure, 'migration' | 'statement'> = {}): SchemaFailure {
  const state = sqlState(error);
  const { message, position } = error as { message?: string; position?: string };
  return {
    ...where,
    code: state ?? 'connection',
    message: withoutQuotedValues(state, message ?? String(error)),
    ...(position === undefined ? {} : { position: Number(position) }),
    isTransient: state === undefined || transientStates.test(state),
  };
}

/**
 * What PostgreSQL says of a value that it cannot convert or that is out of range (class 22) quotes the value, which may be
 * a patient's: `invalid input syntax for type date: "…"`.
 */
function withoutQuotedValues(state: string | undefined, message: string): string {
  return state?.startsWith('22') === true ? message.replace(/"[^]*"/, '"…"') : message;
}
