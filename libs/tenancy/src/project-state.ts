import { DomainError } from '#platform';
import type { ProjectState, TenantEntry } from './tenant-entry.js';

/** Seconds after which a project that is being built is worth another try. */
const BUILDING_RETRY_SECONDS = 5;
/** Seconds after which a project whose tenant database is to be migrated first is worth another try. */
const UPGRADE_RETRY_SECONDS = 30;
/** Seconds after which a project in maintenance is worth another try. */
const MAINTENANCE_RETRY_SECONDS = 30;

/**
 * Why a project does not serve such a request, as the error its base URLs answer; undefined when it serves. In read-only
 * maintenance it serves what only reads. The text never names the project: whoever asks may only have guessed the host.
 */
export function refusalOf(
  { state, readOnly }: Pick<TenantEntry, 'state' | 'readOnly'>,
  intent: 'read' | 'write',
): DomainError | undefined {
  if (state === 'maintenance' && readOnly === true) return intent === 'read' ? undefined : readOnlyNow();
  return refusalOfState(state);
}

function refusalOfState(state: ProjectState): DomainError | undefined {
  switch (state) {
    case 'active':
      return undefined;
    case 'provisioning':
      return new DomainError('unavailable', 'project-not-ready', 'This address is being set up. Try again shortly.', {
        retryAfterSeconds: BUILDING_RETRY_SECONDS,
      });
    case 'maintenance':
      return new DomainError('unavailable', 'project-maintenance', 'Maintenance is running. Try again later.', {
        retryAfterSeconds: MAINTENANCE_RETRY_SECONDS,
      });
    case 'stopped':
      return new DomainError('unavailable', 'project-stopped', 'This address is switched off.');
    case 'failed':
      return new DomainError('unavailable', 'project-failed', 'This address could not be set up.');
    case 'suspended':
      return new DomainError('denied', 'project-suspended', 'This address is suspended.');
    case 'archived':
      return new DomainError('gone', 'project-archived', 'What was here has been archived.');
    case 'deleting':
      return new DomainError('gone', 'project-deleting', 'What was here is being deleted.');
    case 'deleted':
      return unknownProject();
    default:
      return assertUnreachable(state);
  }
}

/** The tenant database has a schema that this release does not know any more: it waits for its rollout. */
export function schemaTooOld(): DomainError {
  return new DomainError('unavailable', 'schema-too-old', 'What is here is being upgraded. Try again later.', {
    retryAfterSeconds: UPGRADE_RETRY_SECONDS,
  });
}

function readOnlyNow(): DomainError {
  return new DomainError(
    'unavailable',
    'project-read-only',
    'Maintenance is running: nothing can be written for a moment.',
    { retryAfterSeconds: MAINTENANCE_RETRY_SECONDS },
  );
}

/** The neutral answer for every host, path or header that leads nowhere: it does not tell whether anything exists. */
export function unknownProject(): DomainError {
  return new DomainError('not-found', 'not-found', 'Not found');
}

/** The request names one project by its host and another by its path or header. */
export function ambiguousProject(): DomainError {
  return new DomainError(
    'invalid',
    'ambiguous-project',
    'The host, the path and X-Project do not name the same target.',
  );
}

function assertUnreachable(state: never): never {
  throw new Error(`unknown project state: ${String(state)}`);
}
