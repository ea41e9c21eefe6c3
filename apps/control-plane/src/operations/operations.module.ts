import { Module } from '@nestjs/common';
import { DeniedAttempts } from '../auth/denied-attempts.js';
import { ClaimSecretsService } from './claim-secrets.service.js';
import { ClaimableSecretStore } from './claimable-secrets.js';
import { OperationWatcher } from './operation-watcher.js';
import { OperationsController } from './operations.controller.js';
import { OperationsService } from './operations.service.js';

@Module({
  controllers: [OperationsController],
  providers: [ClaimSecretsService, ClaimableSecretStore, DeniedAttempts, OperationWatcher, OperationsService],
  exports: [ClaimableSecretStore, OperationsService],
})
export class OperationsModule {}
