import { type Connection, sqlState } from '#postgres';
import { SchemaError } from './schema-errors.js';
import type { SchemaStep } from './schema-step.js';
import { type AppliedStep, readTurn } from './statements.sql.js';

/**
 * The schema that the database has, 0 for an empty one, read in the database itself by one statement. The connection must
 * not be in a transaction. Throws a SchemaError `checksum-mismatch` when a step that was applied is not the one that this
 * release has: then the number says nothing.
 */
export async function verifySchema(connection: Connection, steps: readonly SchemaStep[]): Promise<number> {
  const applied = await readApplied(connection);
  assertContent(applied, steps);
  return versionOf(applied);
}

/** The schema that was reached with these steps, in any order. */
export const versionOf = (applied: readonly AppliedStep[]): number =>
  Math.max(0, ...applied.map(({ version }) => version));

/** Whether a step that was applied with this checksum is the one of this release, or one that it supersedes. */
export const hasContent = ({ checksum, supersedes }: SchemaStep, applied: string): boolean =>
  checksum === applied || supersedes?.includes(applied) === true;

/**
 * Throws a SchemaError `checksum-mismatch` when a step was applied with another content than this release knows. Steps of
 * later releases are not judged. `migration`: the one that was to be applied.
 */
export function assertContent(applied: readonly AppliedStep[], steps: readonly SchemaStep[], migration?: string): void {
  const [other] = applied
    .filter(({ version, checksum }) => {
      const step = steps[version - 1];
      return step !== undefined && !hasContent(step, checksum);
    })
    .toSorted((one, another) => one.version - another.version);
  if (other === undefined) return;
  throw new SchemaError({
    ...(migration === undefined ? {} : { migration }),
    code: 'checksum-mismatch',
    message: `the migration ${other.name} was applied with another content`,
    isTransient: false,
  });
}

/** A failed statement costs an empty database as much as asking first would cost every other one. */
async function readApplied(connection: Connection): Promise<AppliedStep[]> {
  try {
    return await connection.query<AppliedStep>(readTurn);
  } catch (error) {
    if (sqlState(error) === undefinedTable) return [];
    throw error;
  }
}

const undefinedTable = '42P01';
