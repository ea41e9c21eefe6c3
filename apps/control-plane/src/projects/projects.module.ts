import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations/operations.module.js';
import { ProjectCreationService } from './project-creation.service.js';
import { ProjectDeletionService } from './project-deletion.service.js';
import { ProjectsController } from './projects.controller.js';
import { ProjectsService } from './projects.service.js';
import { WakeUps } from './wake-ups.js';

@Module({
  imports: [OperationsModule],
  controllers: [ProjectsController],
  providers: [ProjectCreationService, ProjectDeletionService, ProjectsService, WakeUps],
})
export class ProjectsModule {}
