import { forbidden, notFound, OutcomeError } from '#fhir';
import type { Interaction } from '#access-policy';
import type { Caller } from '../caller.js';
import { auditOrigin } from '../audit/audit-origin.js';
import { recordAudit, type AuditEntry } from '../audit/audit.sql.js';
import { denialRecorded, isDenialRecorded } from '../audit/recorded-denials.js';
import { principalTypes } from '../credentials/principal.sql.js';
import { assertCurrentEpoch } from '../sql/read.sql.js';
import type { TenantDatabase } from '../tenant-database.js';

/** The two things that every piece of work in a tenant needs: where, and on whose behalf. */
export interface Context {
  readonly tenant: TenantDatabase;
  readonly caller: Caller;
}

/**
 * Whether the write must raise the security epoch: whether what is written is part of what a principal is built of, or is
 * the Project, whose settings hold for an epoch. A new Login gives nobody a right that a principal could have cached the
 * lack of; a changed one may be a revoked session.
 */
export function changesRights(interaction: 'create' | 'update' | 'delete', type: string): boolean {
  return principalTypes.has(type) || type === 'Project' || (type === 'Login' && interaction !== 'create');
}

/** Throws 404 for a type that the project's FHIR version does not have, and 403 when no rule grants the interaction. */
export function assertGranted({ tenant, caller }: Context, interaction: Interaction, type: string): void {
  if (!tenant.version.isResourceType(type)) throw notFound();
  if (!caller.policy.grants(interaction, type)) throw forbidden();
}

/** The types of which the caller may do `interaction`, for what goes over all of them. Throws 403 when there are none. */
export function grantedTypes({ tenant, caller }: Context, interaction: Interaction): string[] {
  const types = tenant.version.resourceTypes.filter((type) => caller.policy.grants(interaction, type));
  if (types.length === 0) throw forbidden();
  return types;
}

/**
 * Whether a PUT to an id that does not exist (any more) makes the resource: administrators of the project and the system
 * only, and with scopes when those allow both to create and to update.
 */
export function mayCreateByUpdate({ caller: { policy } }: Context, type: string): boolean {
  return policy.isAdministrator && policy.grants('create', type) && policy.grants('update', type);
}

/**
 * Runs `work`. Whoever is refused before a statement was sent has met nothing that tells whether rights have changed
 * since theirs were read, and might have the right by now: StaleRights is thrown instead of the refusal then. What is a
 * refusal in this sense `followsRights` says.
 */
export async function underCurrentRights<T>(
  { tenant, caller }: Context,
  work: () => Promise<T>,
  followsRights: (error: unknown) => boolean = isRefusal,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (followsRights(error) && caller.epoch !== undefined) {
      await tenant.share((connection) => assertCurrentEpoch(connection, caller.epoch));
    }
    throw error;
  }
}

/** Whether an error says that somebody had no right to something. */
export const isRefusal = (error: unknown): error is OutcomeError =>
  error instanceof OutcomeError && error.category === 'forbidden';

/**
 * Whether an error refuses a write for what the caller's epoch says: a lack of rights, or something wrong with the resource,
 * because the project's settings, which hold for an epoch, say how strictly it is looked at.
 */
const refusesWrite = (error: unknown): boolean =>
  isRefusal(error) ||
  (error instanceof OutcomeError && (error.category === 'invalid' || error.category === 'unprocessable'));

/**
 * Runs a write and records it in the audit when it is refused for lack of rights, unless that has been recorded already.
 * What succeeds is recorded by the write's own statement.
 */
export async function auditingDenial<T>(
  context: Context,
  action: AuditEntry['action'],
  entity: string,
  write: () => Promise<T>,
): Promise<T> {
  const { tenant, caller } = context;
  try {
    return await underCurrentRights(context, write, refusesWrite);
  } catch (error) {
    if (isRefusal(error) && !isDenialRecorded(error)) {
      await tenant.use((connection) =>
        recordAudit(connection, [
          {
            ...auditOrigin(caller),
            action,
            outcome: 'refused',
            entity,
            detail: error.message,
          },
        ]),
      );
      denialRecorded(error);
    }
    throw error;
  }
}
