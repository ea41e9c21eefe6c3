import { Inject, Injectable } from '@nestjs/common';
import {
  DataKeyRepository,
  newSigningKey,
  ProjectRepository,
  SigningKeyRepository,
  type PlacedProject,
  type ProjectState,
} from '#control-database';
import { DomainError, type Clock, type KeyProvider } from '#platform';
import { CLOCK, KEY_PROVIDER } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { ProjectsService } from '../projects/projects.service.js';
import {
  toSigningKeyResponse,
  type RevokedSigningKeyResponse,
  type RevokeSigningKeyDto,
  type RotatedSigningKeyResponse,
  type RotateSigningKeyDto,
  type SigningKeyListResponse,
} from './signing-keys.dto.js';

const defaultOverlapHours = 24;
const hourMs = 60 * 60 * 1_000;

/** States in which a project has keys that somebody may use now or later. */
const keyedStates: readonly ProjectState[] = ['active', 'suspended', 'stopped', 'maintenance', 'archived'];

/**
 * Changes the keys with which a project signs its tokens. It is done here and not by a worker: only rows of the control
 * database change, and who answers a leak must not have to wait for a queue. The rows' triggers tell the data planes; that
 * an overlap is over is seen by each of them for itself, since its end stands in the row.
 */
@Injectable()
export class SigningKeysService {
  constructor(
    private readonly lookup: ProjectsService,
    private readonly projects: ProjectRepository,
    private readonly signingKeys: SigningKeyRepository,
    private readonly dataKeys: DataKeyRepository,
    private readonly mutations: MutationRunner,
    @Inject(KEY_PROVIDER) private readonly keyProvider: KeyProvider,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The project's keys, the newest first. */
  async list(idOrSlug: string): Promise<SigningKeyListResponse> {
    const { id } = await this.lookup.get(idOrSlug);
    const now = this.clock.now();
    return { items: (await this.signingKeys.listOfProject(id)).map((key) => toSigningKeyResponse(key, now)) };
  }

  /** New tokens are signed with a new key; those of the one before stay good for so many hours. */
  rotate(
    idOrSlug: string,
    { overlapHours = defaultOverlapHours }: RotateSigningKeyDto,
    mutation: Mutation,
  ): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: () => this.draft(idOrSlug),
      change: async (transaction, { project, next }) => {
        assertKeyed((await this.projects.getForUpdate(project.id, transaction)).state);
        const now = this.clock.now();
        const until = new Date(now.getTime() + overlapHours * hourMs);
        const { signing, previous } = await this.signingKeys.rotate(next, until, transaction);
        if (previous === undefined) throw withoutKey(project.id);
        const body: RotatedSigningKeyResponse = {
          ...toSigningKeyResponse(signing, now),
          previous: toSigningKeyResponse(previous, now),
        };
        return {
          answer: { status: 201, headers: { Location: `/control/v1/projects/${project.id}/keys` }, body },
          audit: { action: 'signing-key.rotate', target: `project:${project.id}`, after: body },
        };
      },
    });
  }

  /** Ends a key now, and all tokens that it has signed. If it is the one that signs, a new one takes its place. */
  revoke(idOrSlug: string, kid: string, { reason }: RevokeSigningKeyDto, mutation: Mutation): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: () => this.draft(idOrSlug),
      change: async (transaction, { project, next }) => {
        assertKeyed((await this.projects.getForUpdate(project.id, transaction)).state);
        const revoked = await this.signingKeys.revoke(kid, reason.trim(), next, transaction);
        if (revoked === undefined) throw new DomainError('not-found', 'key-not-found', 'There is no such key.');
        if (revoked.signing === undefined) throw withoutKey(project.id);
        const now = this.clock.now();
        const before = toSigningKeyResponse(revoked.before, now);
        const body: RevokedSigningKeyResponse = {
          ...toSigningKeyResponse(revoked.revoked, now),
          signing: toSigningKeyResponse(revoked.signing, now),
          changed: before.state !== 'revoked',
        };
        return {
          answer: { status: 200, body },
          ...(body.changed
            ? { audit: { action: 'signing-key.revoke', target: `project:${project.id}`, before, after: body } }
            : {}),
        };
      },
    });
  }

  /** A key is made before the transaction, so that no row is locked while the processor works. */
  private async draft(idOrSlug: string) {
    const project: PlacedProject = await this.lookup.get(idOrSlug);
    assertKeyed(project.state);
    if (project.dataKeyId === null) throw withoutKey(project.id);
    const { wrapped } = await this.dataKeys.get(project.dataKeyId);
    return { project, next: await newSigningKey(project.id, await this.keyProvider.unwrap(wrapped)) };
  }
}

function assertKeyed(state: ProjectState): void {
  if (keyedStates.includes(state)) return;
  throw new DomainError('conflict', 'invalid-state', `A project in state ${state} has no keys that can be changed.`, {
    details: { state, allowed: keyedStates },
  });
}

function withoutKey(projectId: string): DomainError {
  return new DomainError('conflict', 'no-signing-key', `Project ${projectId} has no signing key (yet).`);
}
