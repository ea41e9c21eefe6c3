import type { Cluster } from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { DomainError } from '#platform';
import { planPlacement } from '../../clusters/plan-placement.js';
import { type ActionContext, lifecycleAction, step } from '../lifecycle-action.js';
import { newSigningKey } from '../signing-keys.js';
import { openTenant, placedTenant, rememberPlace } from '../tenant-session.js';

type Context = ActionContext<'project.create'>;

/**
 * Gives a new project its database, its keys and its first resources, and puts its base URL into service. A complete
 * spare database makes that a matter of milliseconds; without one a database is built. If it fails for good, what
 * exists is dropped and the project is `failed`.
 */
export const createProject = lifecycleAction(
  'project.create',
  [
    // A cluster must have room before anything is made; which one it is, is settled with the database.
    step<'project.create'>('reserve', { do: async (context) => void (await chooseCluster(context)) }),
    step('place', { do: place, undo: unplace }),
    step('keys', {
      record: async (context, transaction) => {
        const { project, signingKeys } = context;
        const { projectKey } = await placedTenant(context);
        await signingKeys.ensure(await newSigningKey(project.id, projectKey), transaction);
      },
      undo: ({ project, signingKeys }) => signingKeys.revokeAll(project.id),
    }),
    step('seed', { do: async (context) => (await openTenant(context)).seed() }),
    step('verify', { do: async (context) => (await openTenant(context)).verify() }),
    step('publish', {
      record: ({ project, projects, fence }, transaction) => projects.activate(project.id, { fence }, transaction),
    }),
  ],
  {
    afterLastAttempt: 'undo',
    giveUp: ({ project, projects, fence }, transaction) =>
      projects.setState(project.id, 'failed', { fence, reason: 'provisioning-failed' }, transaction),
  },
);

function chooseCluster({ shared, preparation }: Context): Promise<Cluster> {
  return shared.get('cluster', async () => planPlacement(await preparation.list()));
}

/** Claims a spare, or builds the database that an earlier run has recorded or that this one records now. */
async function place(context: Context): Promise<void> {
  const { project, tenantDatabases, clusters, builder, fence } = context;
  const chosen = await chooseCluster(context);
  const spare = await tenantDatabases.claimSpare(project.id, chosen.id, TENANT_SCHEMA_VERSION, { fence });
  if (spare)
    return rememberPlace(context, chosen.id === spare.clusterId ? chosen : await clusters.get(spare.clusterId), spare);
  const database = (await tenantDatabases.findOfProject(project.id)) ?? (await builder.plan(chosen, project.id));
  const cluster = database.clusterId === chosen.id ? chosen : await clusters.get(database.clusterId);
  if (!(await builder.build(cluster, database, 'operation'))) {
    throw new DomainError(
      'unavailable',
      'build-in-progress',
      `Another worker is still building the database of project ${project.id}.`,
    );
  }
  rememberPlace(context, cluster, await tenantDatabases.claimBuilt(database.id, project.id, { fence }));
}

async function unplace({ project, tenantDatabases, remover }: Context): Promise<void> {
  for (const database of await tenantDatabases.listOfProject(project.id)) {
    if (database.state !== 'dropped') await remover.remove(database);
  }
}
