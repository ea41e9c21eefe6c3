import { DomainError } from '#platform';

/** The caller's lease (of an operation, of a rollout) is over: another worker has it, or it has ended. Whoever meets it stops at once. */
export function leaseLost(what: string): DomainError {
  return new DomainError('conflict', 'lease-lost', `The lease under which ${what} was to be changed is over.`);
}
