import type { TenantDatabase, Transaction } from '#control-database';
import { DomainError } from '#platform';
import { type ActionContext, lifecycleAction, step } from '../lifecycle-action.js';

/** A purged project's names stay blocked for this long, so that old links and tokens cannot meet a new owner. */
const namesBlockedMs = 90 * 24 * 3_600_000;

/**
 * Destroys a soft-deleted project for good: its database, its role, its files and its keys. What stays is a tombstone. There is no
 * way back from the first drop, so a failing purge is repeated until it has succeeded, and never undone.
 */
export const purgeProject = lifecycleAction(
  'project.purge',
  [
    step<'project.purge'>('check', {
      do: async ({ project }) => {
        if (project.state === 'deleting' || project.state === 'deleted') return;
        throw new DomainError(
          'conflict',
          'invalid-transition',
          `Project ${project.id} is ${project.state}. Only a project that was deleted before can be purged.`,
        );
      },
    }),
    step('end sessions', { do: endSessions }),
    step('drop database', { do: (context) => eachDiscarded(context, (row) => context.remover.drop(row)) }),
    step('drop role', { do: (context) => eachDiscarded(context, (row) => context.remover.dropRole(row)) }),
    // Without their key nobody could read them; but they are no use to anybody either.
    step('remove files', { do: ({ files, project }) => files.deleteArea(project.id) }),
    step('destroy keys and leave a tombstone', {
      record: async (context, transaction) => {
        const { project, projects, remover, dataKeys, fence, clock } = context;
        for (const row of await discarded(context, transaction)) await remover.forget(row, transaction);
        if (project.dataKeyId !== null) await dataKeys.shred(project.dataKeyId, transaction);
        const namesFreeAfter = new Date(clock.now().getTime() + namesBlockedMs);
        await projects.markDeleted(project.id, { fence, namesFreeAfter }, transaction);
      },
    }),
  ],
  { afterLastAttempt: 'persist', giveUp: async () => undefined },
);

type Context = ActionContext<'project.purge'>;

async function endSessions({ project, tenantDatabases, remover }: Context): Promise<void> {
  for (const row of await tenantDatabases.listOfProject(project.id)) {
    if (row.state !== 'dropped') await remover.closeDoor(row);
  }
}

/** Every database that was ever recorded for the project and is not known to be gone. None of them is used again. */
function discarded({ project, tenantDatabases, fence }: Context, transaction?: Transaction): Promise<TenantDatabase[]> {
  return tenantDatabases.discardAllOf(project.id, { fence }, transaction);
}

async function eachDiscarded(context: Context, work: (row: TenantDatabase) => Promise<void>): Promise<void> {
  for (const row of await discarded(context)) await work(row);
}
