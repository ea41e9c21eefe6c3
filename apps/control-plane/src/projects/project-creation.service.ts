import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { ClusterRepository, projectBaseUrls, ProjectRepository, type Transaction } from '#control-database';
import type { OperationParams, ProjectPlacement } from '#operations';
import { generateSecret, hashPassword, newId, sha256, uuidv7, type Config } from '#platform';
import { operatorName } from '../auth/caller.js';
import { resolvePlacement } from '../clusters/placement.js';
import { CONFIG } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner, type Change, type MutationAnswer } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { ClaimableSecretStore, type ClaimableSecrets } from '../operations/claimable-secrets.js';
import { toOperationResponse } from '../operations/operation.response.js';
import { OperationsService } from '../operations/operations.service.js';
import type { CreateProjectDto, ProjectOwnerDto } from './dto/create-project.dto.js';
import { resolveFhirVersion } from './fhir-versions.js';
import { toProjectResponse } from './project.response.js';
import { WakeUps } from './wake-ups.js';

type CreateParams = OperationParams['project.create'];

/** Everything that is generated for a project before a row of it is written. */
interface Draft {
  projectId: string;
  operationId: string;
  params: CreateParams;
  secrets: ClaimableSecrets;
}

/**
 * Makes projects: one transaction writes the project, its base URL, the operation that builds it and the sealed
 * secrets; a worker does the rest. The secrets are shown in the 201 of the request itself or kept for an hour to be
 * claimed; the operation knows their hashes only.
 */
@Injectable()
export class ProjectCreationService {
  constructor(
    private readonly projects: ProjectRepository,
    private readonly clusters: ClusterRepository,
    private readonly operations: OperationsService,
    private readonly secrets: ClaimableSecretStore,
    private readonly mutations: MutationRunner,
    private readonly wakeUps: WakeUps,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** 201 when the project is active within `waitSeconds`, else 202; both with the project and its operation. */
  create(request: CreateProjectDto, waitSeconds: number, mutation: Mutation): Promise<Answer> {
    return this.mutations.run<Draft>(mutation, {
      prepare: async () =>
        prepareDraft(this.config, request, await resolvePlacement(this.clusters, request.placement ?? {})),
      change: (transaction, draft) => this.write(request, draft, mutation, transaction),
      complete: (accepted, draft) => this.finish(accepted, draft, waitSeconds, mutation),
      completeSeconds: waitSeconds,
    });
  }

  private async write(
    { slug, name, labels }: CreateProjectDto,
    { projectId, operationId, params, secrets }: Draft,
    { caller }: Mutation,
    transaction: Transaction,
  ): Promise<Change> {
    const createdBy = operatorName(caller);
    const { project, operation } = await this.projects.createProvisioning(
      {
        project: { id: projectId, slug, name: name.trim(), fhirVersion: params.fhirVersion, labels, createdBy },
        baseUrl: { kind: 'slug', name: slug },
        operation: { id: operationId, kind: 'project.create', params, createdBy },
        sealedSecrets: this.secrets.seal(operationId, secrets, caller),
      },
      transaction,
    );
    const shown = toProjectResponse(project, this.config);
    return {
      answer: {
        status: 202,
        headers: { Location: `/control/v1/operations/${operationId}` },
        body: { project: shown, operation: toOperationResponse(operation, []) },
        secrets: {},
      },
      audit: { action: 'project.create', target: `project:${projectId}`, after: shown },
    };
  }

  private async finish(
    accepted: MutationAnswer,
    { projectId, operationId }: Draft,
    waitSeconds: number,
    mutation: Mutation,
  ): Promise<MutationAnswer> {
    const wake = () => this.wakeUps.send(operationId);
    if (waitSeconds === 0) {
      await wake();
      return accepted;
    }
    const { operation, steps } = await this.operations.waitUntilFinished(operationId, waitSeconds, wake);
    // Secrets are taken only when they are good for something, and for somebody who is still there to get them.
    const isCreated = operation.state === 'succeeded' && !mutation.isAbandoned();
    const [project, secrets] = await Promise.all([
      this.projects.get(projectId),
      isCreated ? this.secrets.take(operationId, mutation.caller, 'adminClient') : undefined,
    ]);
    const body = { project: toProjectResponse(project, this.config), operation: toOperationResponse(operation, steps) };
    const preference = { 'Preference-Applied': `wait=${waitSeconds}` };
    if (secrets === undefined) return { ...accepted, headers: { ...accepted.headers, ...preference }, body };
    return {
      status: 201,
      headers: { Location: `/control/v1/projects/${projectId}`, ...preference },
      body,
      secrets,
    };
  }
}

async function prepareDraft(
  config: Config,
  { slug, name, fhirVersion, owner }: CreateProjectDto,
  placement: ProjectPlacement | undefined,
): Promise<Draft> {
  const resolvedVersion = resolveFhirVersion(fhirVersion);
  const clientSecret = generateSecret();
  const adminClient = { clientId: randomUUID(), clientSecret };
  const ownerDraft = owner == null ? undefined : await prepareOwner(projectBaseUrls(config, slug)[0]!, owner);
  return {
    projectId: uuidv7(),
    operationId: newId('op'),
    params: {
      fhirVersion: resolvedVersion,
      name: name.trim(),
      adminClient: { clientId: adminClient.clientId, secretSha256: sha256(clientSecret).toString('hex') },
      owner: ownerDraft?.params,
      placement,
    },
    secrets: { adminClient, ownerInvitation: ownerDraft?.invitation },
  };
}

/** An owner without a password is invited: the operation knows the hash of the invitation's secret. */
async function prepareOwner(baseUrl: string, { email, firstName, lastName, password }: ProjectOwnerDto) {
  const person = { email, firstName: firstName?.trim(), lastName: lastName?.trim() };
  if (password != null) return { params: { ...person, passwordHash: await hashPassword(password, 'control-plane') } };
  const [id, secret] = [randomUUID(), generateSecret()];
  return {
    params: { ...person, invitation: { id, secretSha256: sha256(secret).toString('hex') } },
    invitation: { email, link: `${baseUrl}setpassword/${id}/${secret}` },
  };
}
