import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { ReadAudit } from '#fhir-store';
import { HealthModule, type HealthOptions } from '#platform';
import { InvitationsController } from './admin/invitations.controller.js';
import { MachinesController } from './admin/machines.controller.js';
import { MembersController } from './admin/members.controller.js';
import { OnBehalfOf } from './admin/on-behalf-of.js';
import { ProjectAdministration } from './admin/project-administration.js';
import { ProjectsController } from './admin/projects.controller.js';
import { RotateSecretController } from './admin/rotate-secret.controller.js';
import { AuthenticationGuard } from './auth/authentication.guard.js';
import { identityControllers, identityProviders } from './auth/identity.js';
import { SessionCache } from './auth/session-cache.js';
import type { FetchText } from './auth/token/fetch-public.js';
import { DataPlaneLogger } from './data-plane-logger.js';
import { BinaryController } from './fhir/binary/binary.controller.js';
import { BinaryLimits } from './fhir/binary/binary-limits.js';
import { BundleController } from './fhir/bundle.controller.js';
import { GraphqlController } from './fhir/graphql/graphql.controller.js';
import { HistoryController } from './fhir/history.controller.js';
import { MetadataController } from './fhir/metadata.controller.js';
import { AsyncJobs } from './fhir/jobs/async-jobs.js';
import { ExportController } from './fhir/jobs/export.controller.js';
import { JobsController } from './fhir/jobs/jobs.controller.js';
import { OperationController } from './fhir/operation.controller.js';
import { ExpandProfileController } from './fhir/operations/expand-profile.controller.js';
import { EverythingController } from './fhir/operations/everything.controller.js';
import { ExpungeController } from './fhir/operations/expunge.controller.js';
import { MetaController } from './fhir/operations/meta.controller.js';
import { SetAccountsController } from './fhir/operations/set-accounts.controller.js';
import { ValidateController } from './fhir/operations/validate.controller.js';
import { ResourceController } from './fhir/resource.controller.js';
import { SearchController } from './fhir/search.controller.js';
import { ExpandController } from './fhir/terminology/expand.controller.js';
import { WrongMethodController } from './fhir/wrong-method.controller.js';
import { OutcomeFilter } from './http/outcome.filter.js';
import { Mail } from './mail/mail.js';
import { Shutdown } from './shutdown.js';
import { SignedAttachments } from './storage/signed-attachments.js';
import { StorageController } from './storage/storage.controller.js';
import { BaseUrls } from './tenant/base-urls.js';
import { TenantRuntimes } from './tenant/tenant-runtime.js';

/** What a running data plane is made of; `start-data-plane.ts` opens and closes it. */
export interface DataPlaneParts {
  readonly health: HealthOptions;
  readonly logger: DataPlaneLogger;
  readonly runtimes: TenantRuntimes;
  readonly sessions: SessionCache;
  readonly baseUrls: BaseUrls;
  readonly audit: ReadAudit;
  readonly binaryLimits: BinaryLimits;
  readonly jobs: AsyncJobs;
  readonly mail: Mail;
  readonly fetchText: FetchText;
  readonly shutdown: Shutdown;
}

/** The guard and the filter stand before and behind every route: a new one is closed and answers in FHIR's terms. */
@Module({})
export class DataPlaneModule {
  static forRoot(parts: DataPlaneParts): DynamicModule {
    return {
      module: DataPlaneModule,
      imports: [HealthModule.forRoot(parts.health)],
      controllers: [
        MetadataController,
        BinaryController,
        StorageController,
        JobsController,
        ExportController,
        EverythingController,
        ExpandProfileController,
        ExpandController,
        ExpungeController,
        MetaController,
        SetAccountsController,
        ValidateController,
        RotateSecretController,
        InvitationsController,
        MachinesController,
        MembersController,
        ProjectsController,
        GraphqlController,
        BundleController,
        OperationController,
        SearchController,
        HistoryController,
        ResourceController,
        WrongMethodController,
        ...identityControllers,
      ],
      providers: [
        { provide: DataPlaneLogger, useValue: parts.logger },
        { provide: TenantRuntimes, useValue: parts.runtimes },
        { provide: SessionCache, useValue: parts.sessions },
        { provide: BaseUrls, useValue: parts.baseUrls },
        { provide: ReadAudit, useValue: parts.audit },
        { provide: BinaryLimits, useValue: parts.binaryLimits },
        { provide: AsyncJobs, useValue: parts.jobs },
        { provide: Mail, useValue: parts.mail },
        { provide: Shutdown, useValue: parts.shutdown },
        SignedAttachments,
        ProjectAdministration,
        OnBehalfOf,
        ...identityProviders(parts.fetchText),
        { provide: APP_GUARD, useClass: AuthenticationGuard },
        { provide: APP_FILTER, useClass: OutcomeFilter },
      ],
    };
  }
}
