import { randomBytes } from 'node:crypto';
import { DomainError, type KeyProvider, open, seal, uuidv7 } from '#platform';
import type { ClusterId, DataKeyId } from '../ids.js';
import type { DataKeyRepository } from '../secrets/data-key.repository.js';
import type { Cluster } from './cluster.entity.js';

/** How the administrator of a cluster logs in. */
export interface ClusterLogin {
  readonly user: string;
  readonly password: string;
}

/** A login as it is stored, with the data key that opens it. */
export interface SealedLogin {
  readonly adminSecret: Buffer;
  readonly dataKey: { readonly id: DataKeyId; readonly wrapped: Buffer };
}

const dataKeyBytes = 32;

const context = (clusterId: ClusterId): string => `cluster-login:${clusterId}`;

/** Seals the login under a new data key, which the master key wraps. */
export async function sealClusterLogin(
  clusterId: ClusterId,
  { user, password }: ClusterLogin,
  keyProvider: KeyProvider,
): Promise<SealedLogin> {
  const dataKey = randomBytes(dataKeyBytes);
  return {
    adminSecret: seal(dataKey, JSON.stringify({ user, password }), context(clusterId)),
    dataKey: { id: uuidv7(), wrapped: await keyProvider.wrap(dataKey) },
  };
}

/** The login of a cluster that has one of its own; `gone` when its data key was destroyed. */
export async function openClusterLogin(
  { id, name, adminSecret, dataKeyId }: Cluster,
  dataKeys: DataKeyRepository,
  keyProvider: KeyProvider,
): Promise<ClusterLogin> {
  if (adminSecret === null || dataKeyId === null) {
    throw new DomainError('gone', 'data-key-shredded', `The administrator login of cluster ${name} was destroyed.`);
  }
  const { wrapped } = await dataKeys.get(dataKeyId);
  const login = open(await keyProvider.unwrap(wrapped), adminSecret, context(id));
  return JSON.parse(login.toString('utf8')) as ClusterLogin;
}
