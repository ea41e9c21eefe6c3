import type {
  Cluster,
  ClusterRepository,
  DueCheck,
  FleetRepository,
  SchemaFinding,
  TenantDatabase,
  TenantDatabaseRepository,
} from '#control-database';
import type { Logger } from '#platform';
import { appliedSchema, failureOf, hasContent, schemaDescription, schemaDrift, type SchemaStep } from '#tenant-schema';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { Reconciler } from '../reconcilers/reconciler.js';
import type { ExpectedSchemas } from './expected-schemas.js';

/** How long somebody who asks for a look waits before it begins. */
const everyMs = 1_000;

/** Databases that are looked into at the same time: a look is a connection and two reads of the catalog. */
const parallel = 4;

/** Of so many it is known at a time that they are due. */
const batchSize = 200;

interface Dependencies {
  readonly fleet: FleetRepository;
  readonly clusters: ClusterRepository;
  readonly tenantDatabases: TenantDatabaseRepository;
  readonly admins: ClusterAdmins;
  readonly expected: ExpectedSchemas;
  readonly steps: readonly SchemaStep[];
  readonly logger: Logger;
}

/**
 * Looks into the tenant databases that somebody has asked about and writes down how each differs from what its schema
 * should be. A look reads only, so two workers that take the same one do no harm; one that dies leaves it due.
 */
export function schemaChecks(dependencies: Dependencies): Reconciler {
  return {
    name: 'schema-checks',
    everyMs,
    run: async (stopping) => {
      const due = await dependencies.fleet.listDueChecks(batchSize);
      if (due.length === 0) return;
      const clusters = new Map((await dependencies.clusters.list()).map((cluster) => [cluster.id, cluster]));
      const lane = async () => {
        // The stop of a worker waits for the looks under way: one into a cluster that does not answer takes seconds.
        for (let check = due.shift(); check !== undefined && !stopping.aborted; check = due.shift()) {
          await checkOne(dependencies, clusters, check);
        }
      };
      await Promise.all(Array.from({ length: parallel }, lane));
    },
  };
}

async function checkOne(
  dependencies: Dependencies,
  clusters: ReadonlyMap<string, Cluster>,
  check: DueCheck,
): Promise<void> {
  const { fleet, tenantDatabases, logger } = dependencies;
  const database = await tenantDatabases.findOfProject(check.projectId);
  const cluster = clusters.get(database?.clusterId ?? '');
  if (database === undefined || cluster === undefined) {
    return fleet.recordCheck(check, { error: 'The project has no tenant database any more.' });
  }
  try {
    const finding = await look(dependencies, cluster, database);
    await fleet.recordCheck(check, finding);
    // From now on it is served as what it is, and the next rollout takes it along.
    if (finding.schemaVersion < database.schemaVersion) {
      await tenantDatabases.recordOlderSchema(database.id, database.schemaVersion, finding.schemaVersion);
    }
    if (finding.differences.length === 0) return;
    logger.warn({ project: check.projectId, differences: finding.differences.length }, 'a tenant schema has drifted');
  } catch (error) {
    logger.warn({ err: error, project: check.projectId }, 'a tenant database could not be looked into');
    await fleet.recordCheck(check, { error: failureOf(error).message });
  }
}

async function look(
  { admins, expected, steps }: Dependencies,
  cluster: Cluster,
  { databaseName, roleName, schemaVersion }: TenantDatabase,
): Promise<Exclude<SchemaFinding, { error: string }>> {
  // Of one moment, so that a migration that is committed in between is seen in both or in neither.
  const { applied, found } = await admins.inDatabase(cluster, databaseName, (owner) =>
    owner.transaction(
      async (moment) => ({
        applied: await appliedSchema(moment),
        found: await schemaDescription(moment, roleName),
      }),
      { isolation: 'repeatable read', readOnly: true },
    ),
  );
  const version = applied.at(-1)?.version ?? 0;
  const { lines } = await expected.get(cluster, version);
  const differences = [
    ...olderSchema(schemaVersion, version),
    ...otherMigrations(applied, steps),
    ...schemaDrift(lines, found.lines),
  ];
  return { schemaVersion: version, fingerprint: found.fingerprint, differences };
}

/**
 * What was once recorded of a database was in it then, so it has come back from a backup. A newer one than was thought is
 * nothing to speak of: a rollout has just been there.
 */
const olderSchema = (thought: number, found: number): string[] =>
  found < thought ? [`- schema ${thought}`, `+ schema ${found}`] : [];

/** Steps that were applied with another content than this release has: the schema may be equal by chance. */
function otherMigrations(
  applied: readonly { version: number; name: string; checksum: string }[],
  steps: readonly SchemaStep[],
): string[] {
  return applied.flatMap(({ version, name, checksum }) => {
    const step = steps[version - 1];
    if (step === undefined || hasContent(step, checksum)) return [];
    return [`- migration ${version} ${step.name} ${step.checksum}`, `+ migration ${version} ${name} ${checksum}`];
  });
}
