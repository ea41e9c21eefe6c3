import type { DirectoryEntry, DirectoryPlacement, ProjectRepository } from '#control-database';
import type { DirectoryPage, DirectorySource } from './tenant-directory.js';
import type { ClusterTls, TenantEntry } from './tenant-entry.js';

/** The directory as the control database has it; whether a schema is served is decided here, once per change. */
export function projectDirectorySource(
  projects: Pick<ProjectRepository, 'listDirectory' | 'listDirectoryChangedSince'>,
  servesSchema: (schemaVersion: number) => boolean,
): DirectorySource {
  const page = ({ entries, mark }: { entries: DirectoryEntry[]; mark: string }): DirectoryPage => ({
    entries: entries.map((entry) => toTenantEntry(entry, servesSchema)),
    mark,
  });
  return {
    readAll: async () => page(await projects.listDirectory()),
    readChangedSince: async (mark) => page(await projects.listDirectoryChangedSince(mark)),
  };
}

/** Keeps what serving needs, in the compact form of a TenantEntry. */
function toTenantEntry(entry: DirectoryEntry, servesSchema: (schemaVersion: number) => boolean): TenantEntry {
  const { projectId, slug, name, state, maintenanceMode, fhirVersion, placement, dataKeyWrapped } = entry;
  return {
    projectId,
    slug,
    name,
    state,
    ...(state === 'maintenance' && maintenanceMode === 'read-only' ? { readOnly: true } : {}),
    fhirVersion,
    // A name that is not active belongs to a project that is being built, and then it answers that; the name of a
    // project in service that was switched off answers nothing.
    baseUrls: entry.baseUrls
      .filter((baseUrl) => baseUrl.active || state !== 'active')
      .map(({ kind, name: given, canonical, supersededAt, endsAt }) => ({
        kind,
        name: given,
        canonical,
        ...(supersededAt === null || endsAt === null ? {} : { former: { since: supersededAt, endsAt } }),
      })),
    signingKeys: entry.signingKeys.flatMap(({ kid, state: keyState, publicJwk, privateSealed, endsAt }) =>
      keyState === 'revoked'
        ? []
        : [
            {
              kid,
              state: keyState,
              ...(endsAt === null ? {} : { endsAt }),
              publicJwk: JSON.stringify(publicJwk),
              sealedPrivateKey: base64(privateSealed),
            },
          ],
    ),
    ...(dataKeyWrapped === null ? {} : { wrappedProjectKey: base64(dataKeyWrapped) }),
    ...(placement === null
      ? {}
      : {
          placement: {
            generation: placement.generation,
            clusterId: placement.clusterId,
            host: placement.host,
            port: placement.port,
            ...tlsOf(placement),
            databaseId: placement.tenantDatabaseId,
            database: placement.databaseName,
            role: placement.roleName,
            sealedPassword: base64(placement.passwordSealed),
            wrappedKey: base64(placement.passwordKeyWrapped),
          },
          schemaVersion: placement.schemaVersion,
          ...(servesSchema(placement.schemaVersion) ? {} : { schemaTooOld: true as const }),
        }),
  };
}

/** The certificates of a cluster are one text in memory, however many projects are placed there. */
const knownTls = new Map<string, ClusterTls>();

function tlsOf({ clusterId, sslMode, sslCa }: DirectoryPlacement): { tls?: ClusterTls } {
  if (sslMode === 'disable') return {};
  const known = knownTls.get(clusterId);
  if (known?.mode === sslMode && (known.ca ?? null) === sslCa) return { tls: known };
  const tls: ClusterTls = { mode: sslMode, ...(sslCa === null ? {} : { ca: sslCa }) };
  knownTls.set(clusterId, tls);
  return { tls };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
