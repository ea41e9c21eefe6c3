import { Injectable } from '@nestjs/common';
import {
  rolloutInProgress,
  RolloutRequestRepository,
  type ChangedProjects,
  type ProjectId,
  type RequestedRollout,
  type RolloutId,
  type RolloutReason,
  type Transaction,
} from '#control-database';
import { DomainError } from '#platform';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner, type Change } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { invalidRequest } from '../problems/request-validation.js';
import type { RetryRolloutDto, SkipProjectsDto, StopRolloutDto } from './dto/change-rollout.dto.js';
import { firstOf, namesOf, ProjectNames } from './project-names.js';
import { RolloutForecasts } from './rollout-forecasts.js';
import { assertUnderWay, invalidTransition, isThere, transitions, type RolloutVerb } from './rollout-rules.js';
import { toRolloutSummary } from './rollout.response.js';
import { RolloutsService } from './rollouts.service.js';

/** The code of a pause or an end that an operator has asked for; every other one is a worker's. */
const requested = 'requested';

/**
 * What operators do with rollouts. It is only written down here; the worker that holds the rollout hears of it and acts.
 */
@Injectable()
export class RolloutChangesService {
  constructor(
    private readonly rollouts: RolloutRequestRepository,
    private readonly views: RolloutsService,
    private readonly forecasts: RolloutForecasts,
    private readonly names: ProjectNames,
    private readonly mutations: MutationRunner,
  ) {}

  /** Starts a planned rollout, if none other is under way. */
  start(id: RolloutId, mutation: Mutation): Promise<Answer> {
    return this.move(id, 'start', mutation, undefined, async (rollout, transaction) => {
      const current = await this.rollouts.findCurrent(transaction);
      if (current !== undefined) throw rolloutInProgress(current);
      await this.forecasts.assertPossible(rollout.targetVersion);
    });
  }

  /** No project is begun any more; those that are being migrated are finished. */
  pause(id: RolloutId, { reason }: StopRolloutDto, mutation: Mutation): Promise<Answer> {
    return this.move(id, 'pause', mutation, requestedReason(reason, 'An operator has paused it.'));
  }

  resume(id: RolloutId, mutation: Mutation): Promise<Answer> {
    return this.move(id, 'resume', mutation);
  }

  /** As a pause, and for good. What was migrated stays so. */
  abort(id: RolloutId, { reason }: StopRolloutDto, mutation: Mutation): Promise<Answer> {
    return this.move(id, 'abort', mutation, requestedReason(reason, 'An operator has aborted it.'));
  }

  /**
   * Puts failed projects, all or those named, back to the beginning. A rollout that its failures had paused goes on; one
   * that an operator has paused stays so.
   */
  retry(id: RolloutId, { projects }: RetryRolloutDto, mutation: Mutation): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: async () => {
        await this.views.get(id);
        return projects === undefined ? undefined : this.named(id, projects);
      },
      change: async (transaction, named: Named | undefined) => {
        const before = await this.rollouts.getForUpdate(id, transaction);
        assertUnderWay('retry', before.state);
        const { changed, ...others } = await this.rollouts.retry(id, named && idsOf(named), transaction);
        assertKnown(others, named);
        const goesOn = changed.length > 0 && before.state === 'paused' && before.reason?.code !== requested;
        const after = goesOn ? await this.rollouts.move(id, transitions.resume, transaction) : before;
        return changedProjects('rollout.retry', before, after ?? before, changed);
      },
    });
  }

  /**
   * Leaves pending and failed projects out, and failed backfills of those that are done. Refused with
   * `project-not-skippable` when one is being migrated or all is well with it.
   */
  skip(id: RolloutId, { projects, reason }: SkipProjectsDto, mutation: Mutation): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: async () => {
        await this.views.get(id);
        return this.named(id, projects);
      },
      change: async (transaction, named) => {
        const rollout = await this.rollouts.getForUpdate(id, transaction);
        assertUnderWay('skip', rollout.state);
        const skipped = await this.rollouts.skip(id, idsOf(named), reason.trim(), transaction);
        const { changed, refused, ...others } = skipped;
        assertKnown(others, named);
        if (refused.length > 0) {
          throw new DomainError(
            'conflict',
            'project-not-skippable',
            `These are being migrated or done: ${firstOf(namesOf(refused, named))}. Only pending and failed projects, and failed backfills, can be skipped.`,
            { details: { projects: refused }, retryAfterSeconds: 5 },
          );
        }
        return changedProjects('rollout.skip', rollout, rollout, changed);
      },
    });
  }

  private move(
    id: RolloutId,
    verb: RolloutVerb,
    mutation: Mutation,
    reason?: RolloutReason,
    check?: (rollout: RequestedRollout, transaction: Transaction) => Promise<void>,
  ): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: async () => void (await this.views.get(id)),
      change: async (transaction) => {
        const before = await this.rollouts.getForUpdate(id, transaction);
        if (isThere(verb, before.state)) return unchanged(before);
        if (!transitions[verb].from.includes(before.state)) throw invalidTransition(verb, before.state);
        await check?.(before, transaction);
        const after = await this.rollouts.move(id, { ...transitions[verb], reason }, transaction);
        if (after === undefined) throw invalidTransition(verb, before.state);
        return {
          answer: { status: 200, body: { ...toRolloutSummary(after), changed: true } },
          audit: audited(`rollout.${verb}`, before, after),
        };
      },
    });
  }

  /** The rollout's own projects come first: one of them may be deleted meanwhile, and nobody else finds it by its name. */
  private async named(id: RolloutId, projects: readonly string[]): Promise<Named> {
    const own = await this.rollouts.findProjects(id, projects);
    const others = await this.names.resolve({ projects: projects.filter((name) => !own.has(name)) });
    return new Map([...own, ...others]);
  }
}

/** The projects that a request names, by their names in it. */
type Named = ReadonlyMap<string, ProjectId>;

const idsOf = (named: Named): ProjectId[] => [...new Set(named.values())];

function requestedReason(reason: string | undefined, otherwise: string): RolloutReason {
  return { code: requested, message: reason?.trim() ?? otherwise };
}

function assertKnown(
  { unknown, isBegun }: Pick<ChangedProjects, 'unknown' | 'isBegun'>,
  named: Named = new Map(),
): void {
  if (unknown.length === 0) return;
  if (!isBegun) {
    throw new DomainError(
      'conflict',
      'rollout-not-begun',
      'No worker has taken the rollout up yet, so it has no projects. Send it again in a moment.',
      { retryAfterSeconds: 2 },
    );
  }
  throw invalidRequest([
    { field: 'projects', message: `are not part of this rollout: ${firstOf(namesOf(unknown, named))}` },
  ]);
}

function unchanged(rollout: RequestedRollout): Change {
  return { answer: { status: 200, body: { ...toRolloutSummary(rollout), changed: false } } };
}

function changedProjects(
  action: string,
  before: RequestedRollout,
  after: RequestedRollout,
  projects: readonly ProjectId[],
): Change {
  const body = { ...toRolloutSummary(after), changed: projects.length > 0, projects };
  if (projects.length === 0) return { answer: { status: 200, body } };
  return { answer: { status: 200, body }, audit: { ...audited(action, before, after), after: body } };
}

function audited(action: string, before: RequestedRollout, after: RequestedRollout) {
  return { action, target: `rollout:${after.id}`, before: toRolloutSummary(before), after: toRolloutSummary(after) };
}
