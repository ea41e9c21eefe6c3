import { systemPolicy } from '#access-policy';
import type { SmokeCandidate } from '#control-database';
import { fhirVersion } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { ResourceRepository, tenantDatabase } from '#fhir-store';
import { connectOnce } from '#postgres';
import { projectKeys } from '#tenancy';
import { setTimeout as pause } from 'node:timers/promises';
import { tenantTarget } from '../tenant-databases/tenant-database-builder.js';
import type { DataPlaneAddress, RolloutServices } from './rollout-services.js';

const answerTimeoutMs = 10_000;
/** A data plane that is being restarted is not the migration's fault. */
const tries = 3;
const pauseBetweenTriesMs = 1_000;

/** Nobody listens at the address of the data plane, which was only supposed. */
export class NoDataPlane extends Error {}

/** The database of a project, or its server, cannot be connected to. */
export class NotConnected extends Error {}

/**
 * Asks a project's data plane for its capabilities, without logging in. Rejects with what was answered instead, and with
 * NoDataPlane when there is no data plane to ask.
 */
export async function smokeRequest(address: DataPlaneAddress, { slug }: SmokeCandidate): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(address, slug);
    } catch (error) {
      if (error instanceof NoDataPlane || attempt === tries) throw error;
      await pause(pauseBetweenTriesMs);
    }
  }
}

async function ask({ url, isConfigured }: DataPlaneAddress, slug: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch(`${url}/fhir/metadata`, {
      headers: { 'x-project': slug, accept: 'application/fhir+json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
  } catch (error) {
    if (!isConfigured && isRefused(error)) throw new NoDataPlane();
    throw new Error(`GET ${url}/fhir/metadata was not answered.`, { cause: error });
  }
  await response.body?.cancel();
  if (response.status !== 200) throw new Error(`GET ${url}/fhir/metadata answered ${response.status}.`);
}

/**
 * Reads the project's own resource as the data plane does: with the project's role, through the repository. Rejects with
 * NotConnected when it does not come so far as to read.
 */
export async function smokeRead(
  { tenantDatabases, clusters, keyProvider }: Pick<RolloutServices, 'tenantDatabases' | 'clusters' | 'keyProvider'>,
  { projectId, fhirVersion: version }: SmokeCandidate,
): Promise<void> {
  const database = await tenantDatabases.findClaimed(projectId);
  if (database?.wrappedKeys.database == null || database.wrappedKeys.project === null) {
    throw new Error('The project has no tenant database with its keys any more.');
  }
  const [cluster, databaseKey, projectKey] = await Promise.all([
    clusters.get(database.clusterId),
    keyProvider.unwrap(database.wrappedKeys.database),
    keyProvider.unwrap(database.wrappedKeys.project),
  ]);
  const target = tenantTarget(cluster, database, databaseKey);
  const connection = await connectOnce(target).catch((error: unknown) => {
    throw new NotConnected('It cannot be connected to.', { cause: error });
  });
  try {
    const { searchKey, cursorKey } = projectKeys(projectKey);
    const tenant = tenantDatabase({
      projectId,
      version: fhirVersion(version),
      hasher: tokenHasher(searchKey),
      cursorKey,
      schemaVersion: database.schemaVersion,
      use: (work) => work(connection),
    });
    const policy = systemPolicy('look whether a migrated project answers');
    const repository = new ResourceRepository(tenant, {
      policy,
      agent: 'system/rollout',
      requestId: `smoke ${projectId}`,
    });
    await repository.read('Project', projectId);
  } finally {
    await connection.close();
  }
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error && (error.cause as { code?: unknown } | undefined)?.code === 'ECONNREFUSED';
