import type { ProjectDatabase, Cluster, Project, TenantDatabase as TenantDatabaseRow } from '#control-database';
import { systemPolicy } from '#access-policy';
import { fhirVersion } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { ResourceRepository, seedProject, type TenantDatabase, tenantDatabase } from '#fhir-store';
import { connectOnce, type OwnedConnection } from '#postgres';
import { projectKeys } from '#tenancy';
import { tenantTarget } from '../tenant-databases/tenant-database-builder.js';
import type { OperationKind } from '#operations';
import type { ActionContext } from './lifecycle-action.js';

type Context = ActionContext<'project.create'>;

/** What is needed of any action to find the project's database. */
type PlacedContext = Pick<
  ActionContext<OperationKind>,
  'project' | 'tenantDatabases' | 'clusters' | 'keyProvider' | 'shared'
>;

/** The database that a project was given, and the keys to it. */
export interface PlacedTenant {
  readonly cluster: Cluster;
  readonly database: TenantDatabaseRow;
  /** Seals the password of the database's role. */
  readonly databaseKey: Buffer;
  /** Seals and derives what belongs to the project itself; the database's own key unless it had one before. */
  readonly projectKey: Buffer;
}

/** Where the project was placed; it must have been. Read once per run, unless the run has placed it itself. */
export function placedTenant(context: PlacedContext): Promise<PlacedTenant> {
  return context.shared.get('placed tenant', async () => {
    const { project, tenantDatabases, clusters } = context;
    const database = await tenantDatabases.findClaimed(project.id);
    if (!database) throw new Error(`Project ${project.id} has no tenant database yet.`);
    return withKeys(context, await clusters.get(database.clusterId), database);
  });
}

/**
 * Keeps for the rest of the run what `place` has just found out, and has the connection ready that seeding will need: that
 * on which the database was built, if there is one.
 */
export function rememberPlace(
  context: Context,
  cluster: Cluster,
  database: ProjectDatabase,
  built?: OwnedConnection,
): void {
  const placed = context.shared.get('placed tenant', () => withKeys(context, cluster, database));
  // What fails here is tried again by the step that needs it, which then says so.
  placed.then(() => openTenant(context, built)).catch(() => undefined);
}

async function withKeys(
  { keyProvider }: PlacedContext,
  cluster: Cluster,
  database: ProjectDatabase,
): Promise<PlacedTenant> {
  const { wrappedKeys } = database;
  if (wrappedKeys.database === null || wrappedKeys.project === null) {
    throw new Error(`A data key of tenant database ${database.id} was destroyed.`);
  }
  const databaseKey = await keyProvider.unwrap(wrappedKeys.database);
  const projectKey = wrappedKeys.project.equals(wrappedKeys.database)
    ? databaseKey
    : await keyProvider.unwrap(wrappedKeys.project);
  return { cluster, database, databaseKey, projectKey };
}

/** Does `work` in the project's database as the project's own role, on a connection of its own. */
export async function withTenantDatabase<T>(
  context: PlacedContext,
  work: (tenant: TenantDatabase) => Promise<T>,
): Promise<T> {
  const { cluster, database, databaseKey, projectKey } = await placedTenant(context);
  const connection = await connectOnce(tenantTarget(cluster, database, databaseKey));
  try {
    return await work(tenantOver(connection, context.project, projectKey, database.schemaVersion));
  } finally {
    await connection.close();
  }
}

function tenantOver(
  connection: OwnedConnection,
  project: Project,
  projectKey: Buffer,
  schemaVersion: number,
): TenantDatabase {
  const { searchKey, cursorKey } = projectKeys(projectKey);
  return tenantDatabase({
    projectId: project.id,
    version: fhirVersion(project.fhirVersion),
    hasher: tokenHasher(searchKey),
    cursorKey,
    schemaVersion,
    use: (work) => work(connection),
  });
}

/** A connection into the project's database that acts as the project's own role, shared by the steps of one run. */
export function openTenant(context: Context, built?: OwnedConnection): Promise<TenantSession> {
  return context.shared.get(
    'tenant session',
    async () => {
      const { cluster, database, databaseKey, projectKey } = await placedTenant(context);
      const connection =
        built ??
        context.spareConnections.take(database.id) ??
        (await connectOnce(tenantTarget(cluster, database, databaseKey)));
      return new TenantSession(context, projectKey, database.schemaVersion, connection);
    },
    (session) => session.close(),
  );
}

export class TenantSession {
  private readonly tenant: TenantDatabase;

  constructor(
    private readonly context: Pick<ActionContext<'project.create'>, 'project' | 'params' | 'operationId'>,
    projectKey: Buffer,
    schemaVersion: number,
    private readonly connection: OwnedConnection,
  ) {
    this.tenant = tenantOver(connection, context.project, projectKey, schemaVersion);
  }

  /** Writes the project's first resources. What is there already stays. */
  async seed(): Promise<void> {
    const { project, params, operationId } = this.context;
    const { adminClient, owner } = params;
    await seedProject(
      this.tenant,
      { project: { id: project.id, name: project.name }, adminClient, owner },
      operationId,
    );
  }

  /** Reads as the data plane will: with the project's own role, through the repository. */
  async verify(): Promise<void> {
    const { project, params, operationId } = this.context;
    const policy = systemPolicy('verify a new project');
    const caller = { policy, agent: 'system/verify-project', requestId: operationId };
    const repository = new ResourceRepository(this.tenant, caller);
    await Promise.all([
      repository.read('Project', project.id),
      repository.read('ClientApplication', params.adminClient.clientId),
    ]);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
