import type { Constraint } from 'libpg-query';
import type { LockRowName } from './lock-rows.js';
import { relationName } from './statement-nodes.js';

/** What a statement does to one object, as a row of the table of locks. */
export interface Touch {
  readonly row: LockRowName;
  /** The table, or what else is locked; null when the text does not name it. */
  readonly object: string | null;
  /** The object did not exist before. */
  readonly isNew?: true;
}

/** Tables that foreign keys point to: they get a trigger. */
export function referencedTables(constraints: readonly Constraint[]): Touch[] {
  return constraints.flatMap(({ contype, pktable }) =>
    contype === 'CONSTR_FOREIGN'
      ? [{ row: 'the referenced table of a FOREIGN KEY', object: relationName(pktable) } as const]
      : [],
  );
}
