import type { Cluster } from '#control-database';
import { DomainError } from '#platform';
import { maintenanceDatabase } from '../../clusters/cluster-admins.js';
import { clusterFlaws, type ServerFacts, serverFacts } from '../../clusters/cluster-fitness.js';
import { type ActionContext, lifecycleAction, step } from '../lifecycle-action.js';

/**
 * Takes a PostgreSQL server into use as a cluster, after a look at it as its administrator: whether it can be reached in
 * the way asked for, its version, the rights of the role. It is a worker's work because nobody else logs in there. One
 * that is not fit leaves nothing behind, so that it can be registered again under the same name.
 */
export const registerCluster = lifecycleAction(
  'cluster.register',
  [
    step<'cluster.register'>('check', { do: check }),
    step('activate', {
      record: ({ clusters, params }, transaction) => clusters.activate(params.clusterId, transaction),
    }),
  ],
  {
    afterLastAttempt: 'undo',
    giveUp: ({ clusters, params }, transaction) => clusters.discard(params.clusterId, transaction),
  },
);

type Context = ActionContext<'cluster.register'>;

async function check(context: Context): Promise<void> {
  const clusters = await context.clusters.list();
  const cluster = clusters.find(({ id }) => id === context.params.clusterId);
  if (cluster === undefined) throw new Error(`Cluster ${context.params.clusterId} is not there any more.`);
  const others = clusters.filter(({ id }) => id !== cluster.id);
  const flaws = clusterFlaws(await look(context, cluster), cluster, others);
  if (flaws.length > 0) throw unfit(cluster, flaws.join('; '));
}

/** Whatever keeps us from there is the operator's to change: a wrong name, a firewall, a certificate, a password. */
async function look({ admins }: Context, cluster: Cluster): Promise<ServerFacts> {
  // What fails here is no fault of the server.
  await admins.loginOf(cluster);
  try {
    return await admins.inDatabase(cluster, maintenanceDatabase, serverFacts);
  } catch (error) {
    // Of the network, of TLS, or PostgreSQL's refusal of a log-in, which names the role and never its password.
    throw unfit(cluster, `it cannot be used (${reasonOf(error)})`, error);
  }
}

/** Node's error for several addresses of one name has a code and no message. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || (code ?? 'no reason given');
}

function unfit({ name, host, port }: Cluster, flaws: string, cause?: unknown): DomainError {
  const message = `The server ${host}:${port} is not fit for cluster ${name}: ${flaws}.`;
  return new DomainError('unprocessable', 'cluster-unfit', message, { cause });
}
