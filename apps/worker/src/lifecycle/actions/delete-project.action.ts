import { lifecycleAction, step } from '../lifecycle-action.js';

/**
 * Closes a project whose row already says `deleting`: no data plane serves it from that moment on, and here its role
 * loses its login, its connections end and its tokens become worthless. Its data stays until it is purged. It must not
 * stay half open, so a failing one is repeated until it has succeeded.
 */
export const deleteProject = lifecycleAction(
  'project.delete',
  [
    step<'project.delete'>('disable login and end sessions', {
      do: async ({ project, tenantDatabases, remover }) => {
        const database = await tenantDatabases.findOfProject(project.id);
        if (database) await remover.closeDoor(database);
      },
    }),
    step('revoke signing keys', {
      record: ({ project, signingKeys }, transaction) => signingKeys.revokeAll(project.id, transaction),
    }),
  ],
  { afterLastAttempt: 'persist', giveUp: async () => undefined },
);
