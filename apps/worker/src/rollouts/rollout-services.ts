import type {
  ClusterRepository,
  FleetRepository,
  RolloutProjectsRepository,
  RolloutWorkRepository,
  TenantDatabaseRepository,
  WaveTrafficRepository,
} from '#control-database';
import type { Clock, KeyProvider, Logger } from '#platform';
import type { SchemaStep } from '#tenant-schema';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';

/** What rollouts work with. */
export interface RolloutServices {
  readonly rollouts: RolloutWorkRepository;
  /** On connections that need not wait for the disk: a tenant database itself tells what was done to it. */
  readonly projects: RolloutProjectsRepository;
  readonly fleet: FleetRepository;
  readonly traffic: WaveTrafficRepository;
  readonly clusters: ClusterRepository;
  readonly tenantDatabases: TenantDatabaseRepository;
  readonly keyProvider: KeyProvider;
  readonly admins: ClusterAdmins;
  /** Every step of this release, oldest first. */
  readonly steps: readonly SchemaStep[];
  readonly dataPlane: DataPlaneAddress;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where projects are asked whether they answer. */
export interface DataPlaneAddress {
  /** Without a trailing slash. */
  readonly url: string;
  /** Whether somebody has said so; an address that is only supposed counts for nothing when nobody answers there. */
  readonly isConfigured: boolean;
}

/**
 * A moment in the life of a rollout that a worker runs. `begun`: projects are marked as being worked on, and nothing is
 * done yet; `migrated`: a project's database has the target's schema and nobody was told; `recorded`: results are written;
 * `batch`: a batch of a backfill is done.
 */
export interface RolloutMoment {
  readonly at: 'claimed' | 'planned' | 'begun' | 'migrated' | 'recorded' | 'batch' | 'judged';
  readonly rolloutId: string;
  readonly projectId?: string;
}

/** Waited for at each moment. */
export type OnRolloutMoment = (moment: RolloutMoment) => void | Promise<void>;
