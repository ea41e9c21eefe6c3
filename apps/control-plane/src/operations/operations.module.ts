import { Module } from '@nestjs/common';
import { DeniedAttempts } from '../auth/denied-attempts.js';
import { WakeUps } from '../projects/wake-ups.js';
import { ClaimSecretsService } from './claim-secrets.service.js';
import { ClaimableSecretStore } from './claimable-secrets.js';
import { OperationWatcher } from './operation-watcher.js';
import { OperationsController } from './operations.controller.js';
import { OperationsService } from './operations.service.js';
import { RetryOperationService } from './retry-operation.service.js';

@Module({
  controllers: [OperationsController],
  providers: [
    ClaimSecretsService,
    ClaimableSecretStore,
    DeniedAttempts,
    OperationWatcher,
    OperationsService,
    RetryOperationService,
    WakeUps,
  ],
  exports: [ClaimableSecretStore, OperationsService],
})
export class OperationsModule {}
