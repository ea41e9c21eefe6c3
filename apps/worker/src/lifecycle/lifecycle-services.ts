import type {
  ClusterRepository,
  DataKeyRepository,
  OperationRepository,
  ProjectRepository,
  SigningKeyRepository,
  TenantDatabaseRepository,
  Transactions,
} from '#control-database';
import type { FileStorage } from '#files';
import type { Clock, KeyProvider, Logger } from '#platform';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import type { FleetSchema } from '../tenant-databases/fleet-schema.js';
import type { SpareConnections } from '../tenant-databases/spare-connections.js';
import type { TenantDatabaseBuilder } from '../tenant-databases/tenant-database-builder.js';
import type { TenantDatabaseRemover } from '../tenant-databases/tenant-database-remover.js';

/** What steps work with. */
export interface LifecycleServices {
  readonly projects: ProjectRepository;
  readonly operations: OperationRepository;
  readonly tenantDatabases: TenantDatabaseRepository;
  readonly signingKeys: SigningKeyRepository;
  readonly dataKeys: DataKeyRepository;
  readonly clusters: ClusterRepository;
  readonly transactions: Transactions;
  /** The same on connections that do not wait for the disk: a crash of the server may undo the last commits. */
  readonly undurable: { readonly operations: OperationRepository; readonly transactions: Transactions };
  readonly keyProvider: KeyProvider;
  readonly admins: ClusterAdmins;
  readonly preparation: ClusterPreparation;
  readonly spareConnections: SpareConnections;
  readonly schema: FleetSchema;
  readonly builder: TenantDatabaseBuilder;
  readonly remover: TenantDatabaseRemover;
  /** The contents of Binaries, an area for each project. */
  readonly files: FileStorage;
  readonly clock: Clock;
  readonly logger: Logger;
}
