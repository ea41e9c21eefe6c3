import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditRepository } from '../audit/audit.repository.js';
import { ClusterRepository } from '../clusters/cluster.repository.js';
import { OperationRepository } from '../operations/operation.repository.js';
import { ApiKeyRepository } from '../operators/api-key.repository.js';
import { LoginThrottleRepository } from '../operators/login-throttle.repository.js';
import { OperatorRepository } from '../operators/operator.repository.js';
import { ProjectRepository } from '../projects/project.repository.js';
import { IdempotencyRepository } from '../requests/idempotency.repository.js';
import { RateWindowRepository } from '../requests/rate-window.repository.js';
import { FleetRepository } from '../rollouts/fleet.repository.js';
import { RolloutProgressRepository } from '../rollouts/rollout-progress.repository.js';
import { RolloutProjectsRepository } from '../rollouts/rollout-projects.repository.js';
import { RolloutRequestRepository } from '../rollouts/rollout-requests.repository.js';
import { ProjectTrafficRepository } from '../rollouts/project-traffic.repository.js';
import { DataKeyRepository } from '../secrets/data-key.repository.js';
import { SealedSecretRepository } from '../secrets/sealed-secret.repository.js';
import { SigningKeyRepository } from '../secrets/signing-key.repository.js';
import { TenantDatabaseRepository } from '../tenant-databases/tenant-database.repository.js';
import { Transactions } from './transactions.js';

const repositories = [
  ApiKeyRepository,
  AuditRepository,
  ClusterRepository,
  DataKeyRepository,
  FleetRepository,
  IdempotencyRepository,
  LoginThrottleRepository,
  OperationRepository,
  OperatorRepository,
  ProjectRepository,
  ProjectTrafficRepository,
  RateWindowRepository,
  RolloutProgressRepository,
  RolloutProjectsRepository,
  RolloutRequestRepository,
  SealedSecretRepository,
  SigningKeyRepository,
  TenantDatabaseRepository,
  Transactions,
];

/** Provides the repositories of one open control database to the whole app. Whoever opened it closes it. */
@Module({})
export class ControlDatabaseModule {
  static forRoot(dataSource: DataSource): DynamicModule {
    const providers: Provider[] = repositories.map((Repository) => ({
      provide: Repository,
      useFactory: () => new Repository(dataSource),
    }));
    return {
      module: ControlDatabaseModule,
      global: true,
      providers: [{ provide: DataSource, useValue: dataSource }, ...providers],
      exports: [DataSource, ...repositories],
    };
  }
}
