import type { ClaimedRollout, RolloutPlan, SmokeCandidate, WaveHealth, WaveStanding } from '#control-database';
import { failureOf } from '#tenant-schema';
import { evidenceNote, judgeHealth, trafficSample } from './judge-health.js';
import type { RolloutServices } from './rollout-services.js';
import { NoDataPlane, smokeRead, smokeRequest } from './smoke-test.js';

/**
 * Measures how the projects of a wave are: their traffic for as long before the wave began (as it was kept then) as it was
 * watched after its last project was through, and whether some of them answer now.
 */
export async function measureHealth(
  services: RolloutServices,
  { id, plan }: ClaimedRollout,
  { position, settledAt }: WaveStanding,
): Promise<WaveHealth> {
  const { windowMs, smokeProjects } = plan.health;
  const watchedFrom = settledAt ?? services.clock.now();
  const [before, after, candidates] = await Promise.all([
    services.traffic.sumBefore(id, position),
    services.traffic.sum(id, position, watchedFrom, new Date(watchedFrom.getTime() + windowMs)),
    services.traffic.smokeCandidates(id, position, smokeProjects),
  ]);
  const seen = {
    before: trafficSample(before),
    after: trafficSample(after),
    smoke: await smoke(services, candidates),
  };
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

async function smoke(services: RolloutServices, candidates: readonly SmokeCandidate[]): Promise<WaveHealth['smoke']> {
  const outcomes = await Promise.all(candidates.map((candidate) => smokeOne(services, candidate)));
  const failed = outcomes.flatMap(({ projectId, message }) => (message === undefined ? [] : [{ projectId, message }]));
  const unasked = outcomes.some(({ hasDataPlane }) => !hasDataPlane);
  return { asked: candidates.length, failed, ...(unasked ? { note: noDataPlane(services) } : {}) };
}

interface SmokeOutcome {
  readonly projectId: string;
  readonly message?: string;
  readonly hasDataPlane: boolean;
}

async function smokeOne(services: RolloutServices, candidate: SmokeCandidate): Promise<SmokeOutcome> {
  const { projectId } = candidate;
  const [read, request] = await Promise.allSettled([
    smokeRead(services, candidate),
    smokeRequest(services.dataPlane, candidate),
  ]);
  if (read.status === 'rejected') {
    return { projectId, message: `Its database: ${failureOf(read.reason).message}`, hasDataPlane: true };
  }
  if (request.status === 'fulfilled') return { projectId, hasDataPlane: true };
  if (request.reason instanceof NoDataPlane) return { projectId, hasDataPlane: false };
  return { projectId, message: failureOf(request.reason).message, hasDataPlane: true };
}

const noDataPlane = ({ dataPlane }: RolloutServices): string =>
  `Requests were not tried: PUBLIC_DATA_URL is not set, and nobody listens at ${dataPlane.url}. The databases were read.`;
