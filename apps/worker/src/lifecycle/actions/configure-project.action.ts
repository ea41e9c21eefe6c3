import { systemPolicy } from '#access-policy';
import { OutcomeError } from '#fhir';
import { administer, operatorSettingsPatch, ResourceRepository } from '#fhir-store';
import { DomainError } from '#platform';
import { type ActionContext, lifecycleAction, step } from '../lifecycle-action.js';
import { withTenantDatabase } from '../tenant-session.js';

/**
 * Writes into the Project resource of a project what belongs to its operator and not to the project's administrators. It is
 * a worker's work because the control plane never opens a tenant database. Data planes go by it from their next request on,
 * because a change of the Project raises the security epoch.
 */
export const configureProject = lifecycleAction(
  'project.configure',
  [step<'project.configure'>('write settings', { do: writeSettings })],
  { afterLastAttempt: 'undo', giveUp: async () => undefined },
);

async function writeSettings(context: ActionContext<'project.configure'>): Promise<void> {
  const { operationId, fence, operations, params, project } = context;
  const reason = 'set what belongs to the operator';
  const caller = { policy: systemPolicy(reason), agent: 'system/configure-project', requestId: operationId };
  const patch = operatorSettingsPatch(params);
  await withTenantDatabase(context, async (tenant) => {
    try {
      const { body } = await new ResourceRepository(tenant, caller).read('Project', project.id);
      // What raises the epoch makes every data plane read its rights anew.
      if (patch(body) === body) return;
      await administer(tenant, caller, reason, async (administration) => {
        // Whoever holds the lease after this run waits here for its end, and so writes after it.
        await operations.assertLease(operationId, fence);
        await administration.change('Project', project.id, patch);
      });
    } catch (error) {
      throw explained(error, project.id);
    }
  });
}

/** What keeps the Project from being changed for as long as it is what it is. */
const lasting: ReadonlySet<OutcomeError['category']> = new Set(['not-found', 'gone', 'invalid', 'unprocessable']);

function explained(error: unknown, projectId: string): unknown {
  if (!(error instanceof OutcomeError) || !lasting.has(error.category)) return error;
  // Where it is wrong, and not with what: the operation's reader sees nothing of the project's data.
  const places = error.issues.flatMap(({ expression = [] }) => expression).join(', ');
  const message = `The Project resource of ${projectId} cannot be changed: ${places === '' ? error.message : `see ${places}`}.`;
  return new DomainError('unprocessable', 'project-not-configurable', message, { cause: error });
}
