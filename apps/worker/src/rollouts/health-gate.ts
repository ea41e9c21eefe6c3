import type { ClaimedRollout, RolloutPlan, SmokeCandidate, WaveHealth, WaveStanding } from '#control-database';
import { failureOf, type SchemaFailure } from '#tenant-schema';
import { evidenceNote, judgeHealth, trafficSample } from './judge-health.js';
import type { Obstacles } from './obstacles.js';
import type { RolloutServices } from './rollout-services.js';
import { NoDataPlane, NotConnected, smokeRead, smokeRequest } from './smoke-test.js';

/**
 * Measures how the projects of a wave are that are to be judged: their traffic for as long before the wave, or they as
 * stragglers, began (as it was kept then) as it was watched after the last of them was through, and whether some of them
 * answer now. Undefined while the server of one that is asked cannot be reached: that says nothing yet.
 */
export async function measureHealth(
  services: RolloutServices,
  obstacles: Obstacles,
  { id, plan }: ClaimedRollout,
  { position, settledAt }: WaveStanding,
): Promise<WaveHealth | undefined> {
  const { windowMs, smokeProjects } = plan.health;
  const watchedFrom = settledAt ?? services.clock.now();
  const [before, after, candidates] = await Promise.all([
    services.traffic.sumBefore(id, position),
    services.traffic.sum(id, position, watchedFrom, new Date(watchedFrom.getTime() + windowMs)),
    services.traffic.smokeCandidates(id, position, smokeProjects),
  ]);
  const smoke = await smokeTest(services, obstacles, candidates);
  if (smoke === undefined) return undefined;
  const seen = { before: trafficSample(before), after: trafficSample(after), smoke };
  const note = evidenceNote(seen, plan);
  return { ...seen, ...(note === undefined ? {} : { note }), exceeded: judgeHealth(seen, plan) };
}

/**
 * Whether to watch the wave once more before it passes: there was traffic, and nothing at all was counted since. A crash of
 * the control database takes the counters along; when nothing is counted the second time either, there was nothing.
 */
export function needsAnotherWindow(
  { before, after, exceeded }: WaveHealth,
  { health: last }: WaveStanding,
  { health: { minRequests } }: RolloutPlan,
): boolean {
  const isVanished = (seen: Pick<WaveHealth, 'after' | 'exceeded'>) =>
    seen.after.requests === 0 && seen.exceeded.length === 0;
  const wasWatchedAgain = last !== null && isVanished(last);
  return before.requests >= Math.max(1, minRequests) && isVanished({ after, exceeded }) && !wasWatchedAgain;
}

async function smokeTest(
  services: RolloutServices,
  obstacles: Obstacles,
  candidates: readonly SmokeCandidate[],
): Promise<WaveHealth['smoke'] | undefined> {
  const asked = await Promise.all(candidates.map((candidate) => smokeOne(services, candidate)));
  const inService = await stillInService(services, asked);
  const outcomes = asked.filter(({ message, projectId }) => message === undefined || inService.has(projectId));
  for (const { unreached, projectId, clusterId } of outcomes) {
    const obstacle =
      unreached === undefined ? undefined : obstacles.meet(unreached, false, { projectId, clusterId }, 0);
    if (obstacle !== undefined && obstacle.forMs < obstacle.patienceMs) return undefined;
  }
  const failed = outcomes.flatMap(({ projectId, message }) => (message === undefined ? [] : [{ projectId, message }]));
  const unasked = outcomes.some(({ hasDataPlane }) => !hasDataPlane);
  return { asked: outcomes.length, failed, ...(unasked ? { note: noDataPlane(services) } : {}) };
}

/** Of those that did not answer: who has been suspended, deleted or moved since he was chosen is not asked any more. */
async function stillInService(
  { traffic }: RolloutServices,
  outcomes: readonly SmokeOutcome[],
): Promise<ReadonlySet<string>> {
  const silent = outcomes.flatMap(({ projectId, message }) => (message === undefined ? [] : [projectId]));
  return new Set(silent.length === 0 ? [] : await traffic.listInService(silent));
}

interface SmokeOutcome {
  readonly projectId: string;
  readonly clusterId: string;
  readonly message?: string;
  /** Why its server could not be reached. */
  readonly unreached?: SchemaFailure;
  readonly hasDataPlane: boolean;
}

async function smokeOne(services: RolloutServices, candidate: SmokeCandidate): Promise<SmokeOutcome> {
  const { projectId, clusterId } = candidate;
  const asked = { projectId, clusterId };
  const [read, request] = await Promise.allSettled([
    smokeRead(services, candidate),
    smokeRequest(services.dataPlane, candidate),
  ]);
  if (read.status === 'rejected') {
    const { reason } = read as { reason: unknown };
    const failure = failureOf(reason instanceof NotConnected ? reason.cause : reason);
    return {
      ...{ ...asked, message: `Its database: ${failure.message}`, hasDataPlane: true },
      ...(reason instanceof NotConnected && failure.isTransient ? { unreached: failure } : {}),
    };
  }
  if (request.status === 'fulfilled') return { ...asked, hasDataPlane: true };
  if (request.reason instanceof NoDataPlane) return { ...asked, hasDataPlane: false };
  return { ...asked, message: failureOf(request.reason).message, hasDataPlane: true };
}

const noDataPlane = ({ dataPlane }: RolloutServices): string =>
  `Requests were not tried: PUBLIC_DATA_URL is not set, and nobody listens at ${dataPlane.url}. The databases were read.`;
