import { systemPolicy } from '#access-policy';
import { administer } from '#fhir-store';
import { DomainError } from '#platform';
import { type ActionContext, lifecycleAction, step } from '../lifecycle-action.js';
import { withTenantDatabase } from '../tenant-session.js';

/**
 * Gives the admin client of a project a new secret, for an operator who has lost the one before or fears that somebody
 * has found it. From then on the one before, and everybody who has logged in with it, is out. The operation knows the hash
 * only. It is a worker's work because the control plane never opens a tenant database.
 */
export const rotateAdminClient = lifecycleAction(
  'project.rotate-admin-client',
  [step<'project.rotate-admin-client'>('replace secret', { do: replaceSecret })],
  { afterLastAttempt: 'undo', giveUp: async () => undefined },
);

async function replaceSecret(context: ActionContext<'project.rotate-admin-client'>): Promise<void> {
  const { operationId, fence, operations, params } = context;
  const { clientId, secretSha256 } = params.adminClient;
  const reason = 'rotate the secret of the admin client';
  const caller = { policy: systemPolicy(reason), agent: 'system/rotate-admin-client', requestId: operationId };
  await withTenantDatabase(context, (tenant) =>
    administer(tenant, caller, reason, async (administration) => {
      // Whoever holds the lease after this run waits here for its end, and so writes after it.
      await operations.assertLease(operationId, fence);
      if ((await administration.read('ClientApplication', clientId)) === undefined) throw clientMissing(clientId);
      await administration.changeSecret(clientId, { kind: 'replace', next: Buffer.from(secretSha256, 'hex') });
      await administration.endLogins(`ClientApplication/${clientId}`);
    }),
  );
}

function clientMissing(clientId: string): DomainError {
  return new DomainError(
    'unprocessable',
    'admin-client-missing',
    `The admin client ${clientId} is no longer in the project: an administrator of the project has deleted it.`,
  );
}
