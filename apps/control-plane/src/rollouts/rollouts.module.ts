import { Module } from '@nestjs/common';
import { ProjectNames } from './project-names.js';
import { RolloutChangesService } from './rollout-changes.service.js';
import { RolloutFollower } from './rollout-follower.js';
import { RolloutForecasts } from './rollout-forecasts.js';
import { RolloutsController } from './rollouts.controller.js';
import { RolloutsService } from './rollouts.service.js';

@Module({
  controllers: [RolloutsController],
  providers: [ProjectNames, RolloutChangesService, RolloutFollower, RolloutForecasts, RolloutsService],
  exports: [ProjectNames, RolloutForecasts, RolloutsService],
})
export class RolloutsModule {}
