import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { ControlDatabaseModule } from '#control-database';
import { HealthModule } from '#platform';
import { ApiKeysModule } from './api-keys/api-keys.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CapabilitiesController } from './capabilities/capabilities.controller.js';
import { ClustersModule } from './clusters/clusters.module.js';
import { EnvironmentModule, type Environment } from './environment/environment.module.js';
import { FleetModule } from './fleet/fleet.module.js';
import { Housekeeping } from './housekeeping/housekeeping.service.js';
import { MutationsModule } from './mutations/mutations.module.js';
import { ApiDescription, ApiDescriptionController } from './openapi/api-description.controller.js';
import { OperationsModule } from './operations/operations.module.js';
import { ProblemFilter } from './problems/problem.filter.js';
import { requestValidation } from './problems/request-validation.js';
import { ProjectsModule } from './projects/projects.module.js';
import { RolloutsModule } from './rollouts/rollouts.module.js';
import { SlugsController } from './slugs/slugs.controller.js';
import { StatusController } from './status/status.controller.js';

/** The admin API. Every route needs a caller (AuthModule), every body is checked, every error is a problem. */
@Module({})
export class AppModule {
  static forRoot(dataSource: DataSource, environment: Environment): DynamicModule {
    return {
      module: AppModule,
      imports: [
        EnvironmentModule.forRoot(environment),
        ControlDatabaseModule.forRoot(dataSource),
        HealthModule.forRoot({ ready: async () => void (await dataSource.query('SELECT 1')) }),
        MutationsModule,
        AuthModule,
        ApiKeysModule,
        OperationsModule,
        ClustersModule,
        ProjectsModule,
        RolloutsModule,
        FleetModule,
      ],
      controllers: [ApiDescriptionController, CapabilitiesController, SlugsController, StatusController],
      providers: [
        ApiDescription,
        Housekeeping,
        { provide: APP_PIPE, useFactory: requestValidation },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
    };
  }
}
