import { type Cluster, newSigningKey, type NewSigningKey } from '#control-database';
import { DomainError } from '#platform';
import { planPlacement } from '../../clusters/plan-placement.js';
import { type ActionContext, lifecycleAction, step } from '../lifecycle-action.js';
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
    // A cluster with room, and a database there.
    step<'project.create'>('place', { do: place, undo: unplace }),
    // The first resources, and a look at them as the data plane will look.
    step('seed', { do: seed }),
    // Nobody can use a signing key earlier, so that it comes into being with the end of the operation.
    step('publish', {
      record: async (context, transaction) => {
        const { project, projects, fence } = context;
        await projects.activate(project.id, { fence, signingKey: await signingKeyOf(context) }, transaction);
      },
    }),
  ],
  {
    afterLastAttempt: 'undo',
    giveUp: ({ project, projects, fence }, transaction) =>
      projects.setState(project.id, 'failed', { fence, reason: 'provisioning-failed' }, transaction),
  },
);

/** Claims a spare, or builds the database that an earlier run has recorded or that this one records now. */
async function place(context: Context): Promise<void> {
  const { project, params, tenantDatabases, clusters, preparation, builder, schema, fence } = context;
  const [loads, schemaVersion] = await Promise.all([preparation.list(), schema.target()]);
  const chosen: Cluster = planPlacement(loads, params.placement);
  const found = await tenantDatabases.claimSpare(project.id, chosen.id, schemaVersion, { fence });
  const database = found ?? (await builder.plan(chosen, schemaVersion, { projectId: project.id, fence }));
  const cluster = database.clusterId === chosen.id ? chosen : await clusters.get(database.clusterId);
  if (found?.state === 'claimed') return rememberPlace(context, cluster, found);
  const built = await context.shared.get(
    'built database',
    () => builder.build(cluster, database),
    async (connection) => connection?.close(),
  );
  if (built === undefined) {
    throw new DomainError(
      'unavailable',
      'build-in-progress',
      `Another worker is still building the database of project ${project.id}.`,
    );
  }
  rememberPlace(context, cluster, await tenantDatabases.claimBuilt(database.id, project.id, { fence }), built);
}

async function seed(context: Context): Promise<void> {
  // Made while the database works. If that fails, it is tried again by the step that needs the key.
  signingKeyOf(context).catch(() => undefined);
  const tenant = await openTenant(context);
  await tenant.seed();
  await tenant.verify();
}

function signingKeyOf(context: Context): Promise<NewSigningKey> {
  return context.shared.get('signing key', async () => {
    const { projectKey } = await placedTenant(context);
    return newSigningKey(context.project.id, projectKey);
  });
}

async function unplace({ project, tenantDatabases, remover, fence }: Context): Promise<void> {
  for (const database of await tenantDatabases.discardAllOf(project.id, { fence })) await remover.remove(database);
}
