/**
 * The keys and secrets of one project, as its rows in the control database hold them. Whoever writes those rows (the
 * worker) and whoever reads them (the data plane) take the contexts and purposes from here: a value sealed for one
 * project, database or key cannot be opened as another's.
 */
import { signingKeyContext } from '#control-database';
import { deriveKey, type KeyProvider, open } from '#platform';
import type { SealedSigningKey, TenantEntry, TenantPlacement } from './tenant-entry.js';

/** What a tenant role's password is sealed with, under the data key of its tenant database. */
export const tenantPasswordContext = (databaseId: string): string => `tenant-password:${databaseId}`;

/** The keys of a project that are derived from its data key and never stored. */
export interface ProjectKeys {
  /** Hashes the search tokens of the project's resources: 32 bytes. */
  readonly searchKey: Buffer;
  /** Authenticates the project's page cursors: 32 bytes. */
  readonly cursorKey: Buffer;
  /** From it come the keys of the project's files: 32 bytes. */
  readonly fileKey: Buffer;
  /** Seals the secrets of people's second factors, and gives the ones that are offered: 32 bytes. */
  readonly secondFactorKey: Buffer;
  /** Seals what is asked for and answered later: 32 bytes. */
  readonly jobKey: Buffer;
}

/** Derives a project's keys from its data key; the same data key always gives the same keys. */
export function projectKeys(dataKey: Buffer): ProjectKeys {
  return {
    searchKey: deriveKey(dataKey, 'boxyard search tokens'),
    cursorKey: deriveKey(dataKey, 'boxyard page cursors'),
    fileKey: deriveKey(dataKey, 'boxyard files'),
    secondFactorKey: deriveKey(dataKey, 'boxyard second factors'),
    jobKey: deriveKey(dataKey, 'boxyard jobs'),
  };
}

/** A project's data key. Throws when the entry has none, because then nothing of the project may be opened. */
export async function openProjectKey(entry: TenantEntry, provider: KeyProvider): Promise<Buffer> {
  if (entry.wrappedProjectKey === undefined) throw new Error(`project ${entry.projectId} has no data key`);
  return provider.unwrap(Buffer.from(entry.wrappedProjectKey, 'base64'));
}

/** The password of the tenant role. */
export async function openTenantPassword(placement: TenantPlacement, provider: KeyProvider): Promise<string> {
  const key = await provider.unwrap(Buffer.from(placement.wrappedKey, 'base64'));
  const sealed = Buffer.from(placement.sealedPassword, 'base64');
  return open(key, sealed, tenantPasswordContext(placement.databaseId)).toString('utf8');
}

/** The private key of a signing key, PKCS #8 in DER. */
export function openSigningKey(key: SealedSigningKey, projectKey: Buffer): Buffer {
  return open(projectKey, Buffer.from(key.sealedPrivateKey, 'base64'), signingKeyContext(key.kid));
}
