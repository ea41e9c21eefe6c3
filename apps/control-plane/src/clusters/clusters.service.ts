import { Inject, Injectable } from '@nestjs/common';
import { ClusterRepository, OperationRepository, sealClusterLogin } from '#control-database';
import type { OperationKind, OperationParams } from '#operations';
import { DomainError, newId, type KeyProvider } from '#platform';
import { operatorName } from '../auth/caller.js';
import { KEY_PROVIDER } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { toOperationResponse } from '../operations/operation.response.js';
import { invalidRequest } from '../problems/request-validation.js';
import { toClusterResponse, type ClusterListResponse, type ClusterResponse } from './cluster.response.js';
import type { ListClustersDto, RegisterClusterDto } from './clusters.dto.js';

/** The PostgreSQL servers that hold tenant databases. */
@Injectable()
export class ClustersService {
  constructor(
    private readonly clusters: ClusterRepository,
    private readonly operations: OperationRepository,
    private readonly mutations: MutationRunner,
    @Inject(KEY_PROVIDER) private readonly keyProvider: KeyProvider,
  ) {}

  /** 202: writes the cluster down, with its login sealed, for a worker to look whether it is fit. */
  register(request: RegisterClusterDto, mutation: Mutation): Promise<Answer> {
    const { name, region, endpoint, admin, limits } = request;
    if (limits.reservedConnections >= limits.maxConnections) {
      throw invalidRequest([{ field: 'limits.reservedConnections', message: 'must be less than maxConnections' }]);
    }
    if (endpoint.ca !== undefined && endpoint.tls !== 'verify-full') {
      throw invalidRequest([{ field: 'endpoint.ca', message: 'is for verify-full only' }]);
    }
    const id = newId('cl');
    return this.mutations.run(mutation, {
      prepare: () => sealClusterLogin(id, admin, this.keyProvider),
      change: async (transaction, login: Awaited<ReturnType<typeof sealClusterLogin>>) => {
        const { host, port, tls: sslMode, ca: sslCa = null } = endpoint;
        const row = { id, name, region: region ?? null, host, port, sslMode, sslCa, ...limits, ...login };
        const cluster = await this.clusters.register(row, transaction);
        const kind = 'cluster.register' satisfies OperationKind;
        const params: OperationParams['cluster.register'] = { clusterId: id };
        const createdBy = operatorName(mutation.caller);
        const queued = { id: newId('op'), kind, projectId: null, params, createdBy };
        const operation = await this.operations.create(queued, transaction);
        const shown = toClusterResponse({ ...cluster, projects: 0 });
        return {
          answer: {
            status: 202,
            headers: { Location: `/control/v1/operations/${operation.id}` },
            body: { cluster: shown, operation: toOperationResponse(operation, []) },
          },
          audit: { action: kind, target: `cluster:${id}`, after: shown },
        };
      },
    });
  }

  async list({ limit, cursor = '' }: ListClustersDto): Promise<ClusterListResponse> {
    // There are few, and they come sorted by id.
    const found = (await this.clusters.list()).filter(({ id }) => id > cursor);
    const page = found.slice(0, limit);
    return { items: page.map(toClusterResponse), next: found.length > limit ? page.at(-1)!.id : null };
  }

  async get(idOrName: string): Promise<ClusterResponse> {
    const cluster = await findCluster(this.clusters, idOrName);
    if (cluster !== undefined) return toClusterResponse(cluster);
    throw new DomainError('not-found', 'cluster-not-found', 'There is no such cluster.');
  }
}

/** The cluster with this id or name. */
export async function findCluster(clusters: ClusterRepository, idOrName: string) {
  return /^[A-Za-z0-9._-]{1,64}$/.test(idOrName) ? clusters.find(idOrName) : undefined;
}
