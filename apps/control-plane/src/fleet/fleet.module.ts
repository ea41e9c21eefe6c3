import { Module } from '@nestjs/common';
import { RolloutsModule } from '../rollouts/rollouts.module.js';
import { FleetMetrics } from './fleet-metrics.js';
import { FleetController } from './fleet.controller.js';
import { FleetService } from './fleet.service.js';

@Module({ imports: [RolloutsModule], controllers: [FleetController], providers: [FleetMetrics, FleetService] })
export class FleetModule {}
