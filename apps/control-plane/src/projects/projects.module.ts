import { Module } from '@nestjs/common';
import { AdminClientController } from '../admin-client/admin-client.controller.js';
import { AdminClientService } from '../admin-client/admin-client.service.js';
import { OperationsModule } from '../operations/operations.module.js';
import { ProjectSettingsController } from '../project-settings/project-settings.controller.js';
import { ProjectSettingsService } from '../project-settings/project-settings.service.js';
import { SigningKeysController } from '../signing-keys/signing-keys.controller.js';
import { SigningKeysService } from '../signing-keys/signing-keys.service.js';
import { ProjectAnnouncements } from './project-announcements.js';
import { ProjectCreationService } from './project-creation.service.js';
import { ProjectDeletionService } from './project-deletion.service.js';
import { ProjectsController } from './projects.controller.js';
import { ProjectsService } from './projects.service.js';
import { WakeUps } from './wake-ups.js';

@Module({
  imports: [OperationsModule],
  controllers: [ProjectsController, AdminClientController, ProjectSettingsController, SigningKeysController],
  providers: [
    AdminClientService,
    SigningKeysService,
    ProjectAnnouncements,
    ProjectCreationService,
    ProjectDeletionService,
    ProjectSettingsService,
    ProjectsService,
    WakeUps,
  ],
})
export class ProjectsModule {}
