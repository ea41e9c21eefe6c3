import type { ProjectState } from '#control-database';
import { DomainError } from '#platform';

/** States in which a project has a base URL that people may know, and goes on having it. */
const renamable: readonly ProjectState[] = ['active', 'suspended', 'stopped', 'maintenance', 'archived'];

/** Throws `invalid-state` for a project that cannot get another slug: one that is being built or taken away. */
export function assertRenamable(state: ProjectState): void {
  if (renamable.includes(state)) return;
  throw new DomainError('conflict', 'invalid-state', `A project in state ${state} cannot be renamed.`, {
    details: { state, allowed: renamable },
  });
}
