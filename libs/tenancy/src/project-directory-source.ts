import type { DirectoryEntry, ProjectRepository } from '#control-database';
import type { DirectoryPage, DirectorySource } from './tenant-directory.js';
import type { TenantEntry } from './tenant-entry.js';

/** The directory as the control database has it. */
export function projectDirectorySource(
  projects: Pick<ProjectRepository, 'listDirectory' | 'listDirectoryChangedSince'>,
): DirectorySource {
  const page = ({ entries, mark }: { entries: DirectoryEntry[]; mark: string }): DirectoryPage => ({
    entries: entries.map(toTenantEntry),
    mark,
  });
  return {
    readAll: async () => page(await projects.listDirectory()),
    readChangedSince: async (mark) => page(await projects.listDirectoryChangedSince(mark)),
  };
}

/** Keeps what serving needs, in the compact form of a TenantEntry. */
function toTenantEntry(entry: DirectoryEntry): TenantEntry {
  const { projectId, slug, name, state, fhirVersion, placement, dataKeyWrapped } = entry;
  return {
    projectId,
    slug,
    name,
    state,
    fhirVersion,
    // A name that is not active belongs to a project that is being built, and then it answers that; the name of a
    // project in service that was switched off answers nothing.
    baseUrls: entry.baseUrls
      .filter((baseUrl) => baseUrl.active || state !== 'active')
      .map((baseUrl) => ({ kind: baseUrl.kind, name: baseUrl.name, canonical: baseUrl.canonical })),
    signingKeys: entry.signingKeys.flatMap(({ kid, state: keyState, publicJwk, privateSealed }) =>
      keyState === 'revoked'
        ? []
        : [{ kid, state: keyState, publicJwk: JSON.stringify(publicJwk), sealedPrivateKey: base64(privateSealed) }],
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
            databaseId: placement.tenantDatabaseId,
            database: placement.databaseName,
            role: placement.roleName,
            sealedPassword: base64(placement.passwordSealed),
            wrappedKey: base64(placement.passwordKeyWrapped),
          },
        }),
  };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
