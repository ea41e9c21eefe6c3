import type { ProjectState } from '#control-database';
import { DomainError } from '#platform';

/** States in which a project has a database into which a worker can log in. */
const reachable: readonly ProjectState[] = ['active', 'suspended', 'stopped'];

/** Throws `invalid-state` unless a worker can do something in the project's database; `what` says what cannot be done now. */
export function assertReachable(state: ProjectState, what: string): void {
  if (reachable.includes(state)) return;
  throw new DomainError('conflict', 'invalid-state', `A project in state ${state} cannot ${what} now.`, {
    details: { state, allowed: reachable },
  });
}
