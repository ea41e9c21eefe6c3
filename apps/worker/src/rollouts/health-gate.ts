import type { ClaimedRollout, SmokeCandidate, WaveHealth, WaveStanding } from '#control-database';
import { failureOf } from '#tenant-schema';
import { judgeHealth, trafficSample } from './judge-health.js';
import type { RolloutServices } from './rollout-services.js';
import { NoDataPlane, smokeRead, smokeRequest } from './smoke-test.js';

/**
 * Measures how the projects of a wave are: their traffic for as long before the wave began as it was watched after its
 * last project was through, and whether some of them answer now.
 */
export async function measureHealth(
  services: RolloutServices,
  { id, plan }: ClaimedRollout,
  { position, startedAt, settledAt, health }: WaveStanding,
): Promise<WaveHealth> {
  const { windowMs, smokeProjects } = plan.health;
  const sample = async (from: Date | null): Promise<WaveHealth['before']> => {
    const begin = from ?? services.clock.now();
    const end = new Date(begin.getTime() + windowMs);
    return trafficSample(await services.traffic.sum(id, position, begin, end));
  };
  const beganBefore = startedAt === null ? null : new Date(startedAt.getTime() - windowMs);
  const [measured, after, candidates] = await Promise.all([
    sample(beganBefore),
    sample(settledAt),
    services.traffic.smokeCandidates(id, position, smokeProjects),
  ]);
  // Counters are forgotten after a while; what an earlier judgement of this wave has measured is not.
  const before = health !== null && health.before.requests > measured.requests ? health.before : measured;
  const seen = { before, after, smoke: await smoke(services, candidates) };
  return { ...seen, exceeded: judgeHealth(seen, plan) };
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
