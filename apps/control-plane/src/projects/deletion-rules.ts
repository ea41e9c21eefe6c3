import type { ProjectState } from '#control-database';
import { DomainError } from '#platform';

/**
 * What a request to delete or purge comes to:
 * - `delete`: the project goes offline now and is destroyed later;
 * - `purge`: it goes offline (if it is not) and is destroyed now;
 * - `nothing`: it was asked before, or the project is gone.
 */
export type Deletion = 'delete' | 'purge' | 'nothing';

const deletable: ProjectState[] = ['active', 'suspended', 'stopped', 'archived', 'failed'];

/** A project that never came up has nothing to keep, so deleting it destroys at once. */
export function planDelete(state: ProjectState, retentionDays: number): Deletion {
  switch (state) {
    case 'active':
    case 'suspended':
    case 'stopped':
    case 'archived':
      return retentionDays === 0 ? 'purge' : 'delete';
    case 'failed':
      return 'purge';
    case 'deleting':
      // A repeat keeps the earlier date; only the wish to destroy now is a new one.
      return retentionDays === 0 ? 'purge' : 'nothing';
    case 'deleted':
      return 'nothing';
    case 'provisioning':
    case 'maintenance':
      throw invalidTransition(state, 'deleting', deletable);
  }
}

/** A purge is the second step: the project must be deleted first. */
export function planPurge(state: ProjectState): Deletion {
  if (state === 'deleted') return 'nothing';
  if (state === 'deleting') return 'purge';
  throw invalidTransition(state, 'deleted', ['deleting']);
}

function invalidTransition(from: ProjectState, to: ProjectState, allowed: ProjectState[]): DomainError {
  return new DomainError(
    'conflict',
    'invalid-transition',
    `A project in state ${from} cannot become ${to}; it must first be ${allowed.join(' or ')}.`,
    { details: { from, to, allowed } },
  );
}
