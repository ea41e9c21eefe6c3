export { openControlDatabase, type OpenOptions } from './connection/open-control-database.js';
export { ControlDatabaseModule } from './connection/control-database.module.js';
export { Transactions, type Transaction } from './connection/transactions.js';
export * from './ids.js';

export { Project, type MaintenanceMode, type ProjectLabels, type ProjectState } from './projects/project.entity.js';
export {
  ProjectRepository,
  type Fenced,
  type NewBaseUrl,
  type NewProject,
  type NewProvisioning,
  type PlacedProject,
} from './projects/project.repository.js';
export { schemaPinOf, type SchemaPin } from './projects/schema-pin.js';
export type { ProjectFilter } from './projects/project-list.js';
export type {
  DirectoryBaseUrl,
  DirectoryEntry,
  DirectoryPage,
  DirectoryPlacement,
  DirectorySigningKey,
} from './projects/project-directory.js';
export { PROJECT_CHANNEL, PROJECT_REDIS_CHANNEL } from './projects/project-channels.js';
export { projectBaseUrls } from './projects/project-base-urls.js';

export { Operation, type OperationError, type OperationState } from './operations/operation.entity.js';
export { leaseLost } from './operations/lease-lost.js';
export { OperationStep, type OperationStepState } from './operations/operation-step.entity.js';
export {
  operationInProgress,
  OperationRepository,
  type ClaimedOperation,
  type NewOperation,
  type OperationWithSteps,
} from './operations/operation.repository.js';

export { Cluster, type ClusterState, type SslMode } from './clusters/cluster.entity.js';
export {
  ClusterRepository,
  type ClusterLoad,
  type NewCluster,
  type RegisteredCluster,
} from './clusters/cluster.repository.js';
export { rolloutRoom, workerConnections } from './clusters/cluster-reserve.js';
export { type ClusterLogin, openClusterLogin, type SealedLogin, sealClusterLogin } from './clusters/cluster-login.js';
export { CONNECTION_SHARE_CHANNEL, ConnectionShareRepository } from './clusters/connection-share.repository.js';
export { TenantDatabase, type TenantDatabaseState } from './tenant-databases/tenant-database.entity.js';
export {
  TenantDatabaseRepository,
  type NewTenantDatabase,
  type ProjectDatabase,
} from './tenant-databases/tenant-database.repository.js';

export type {
  BackfillState,
  MaintenanceWindow,
  RolloutPlan,
  RolloutProjectState,
  RolloutState,
  TrafficSample,
  WaitsFor,
  WaveHealth,
  WaveSelector,
  WaveState,
} from './rollouts/rollout-plan.js';
export { contractRefusal } from './rollouts/contract-rule.js';
export { admit, admitBackfill, type Admission, type AdmissionFacts } from './rollouts/admission.js';
export { planWaves, type PlannedWave, type WaveCandidate } from './rollouts/plan-waves.js';
export {
  RolloutWorkRepository,
  type ClaimedRollout,
  type RolloutReason,
  type RolloutStanding,
  type WaveCounts,
  type WaveStanding,
} from './rollouts/rollout-work.repository.js';
export {
  RolloutProjectsRepository,
  type BackfillOutcome,
  type BackfillProject,
  type DueProject,
  type ProjectOutcome,
  type Turns,
} from './rollouts/rollout-projects.repository.js';
export {
  RolloutRequestRepository,
  rolloutInProgress,
  type ChangedProjects,
  type RequestedRollout,
} from './rollouts/rollout-requests.repository.js';
export {
  durationBoundsMs,
  RolloutProgressRepository,
  type FailureGroup,
  type ProjectCount,
  type RolloutProgress,
  type RolloutProjectRow,
  type WaveRow,
} from './rollouts/rollout-progress.repository.js';
export {
  FleetRepository,
  type DueCheck,
  type FleetVersions,
  type RolloutCandidate,
  type SchemaCheck,
  type SchemaCheckSummary,
  type SchemaFinding,
} from './rollouts/fleet.repository.js';
export { WaveTrafficRepository, type SmokeCandidate, type WaveTraffic } from './rollouts/wave-traffic.repository.js';
export { FleetTarget, olderThanFleet } from './rollouts/fleet-target.js';
export {
  ProjectTrafficRepository,
  trafficSurelyKeptMs,
  trafficWrittenAfterMs,
  type ServedTraffic,
} from './rollouts/project-traffic.repository.js';

export { Operator, operatorRoles, type OperatorRole } from './operators/operator.entity.js';
export { OperatorRepository, type NewOperator } from './operators/operator.repository.js';
export { ApiKeyRepository, type ApiKeyRow, type NewApiKey, type UsableApiKey } from './operators/api-key.repository.js';
export { LoginThrottleRepository } from './operators/login-throttle.repository.js';

export { DataKey } from './secrets/data-key.entity.js';
export { DataKeyRepository } from './secrets/data-key.repository.js';
export { SigningKey, type SigningKeyState } from './secrets/signing-key.entity.js';
export { newSigningKey, signingKeyContext } from './secrets/new-signing-key.js';
export { SigningKeyRepository, type NewSigningKey } from './secrets/signing-key.repository.js';
export {
  SealedSecretRepository,
  type ClaimedSecret,
  type NewSealedSecret,
} from './secrets/sealed-secret.repository.js';

export {
  IdempotencyRepository,
  type IdempotentRequest,
  type RecordedAnswer,
  type Reservation,
  type ReserveOutcome,
} from './requests/idempotency.repository.js';
export { RateWindowRepository } from './requests/rate-window.repository.js';

export type { ChainVerdict } from './audit/audit-chain.js';
export type { AuditRecord } from './audit/audit-record.entity.js';
export { AuditRepository, canonicalJson, type AuditEntry } from './audit/audit.repository.js';
