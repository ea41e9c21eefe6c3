import {
  admit,
  type Cluster,
  planWaves,
  rolloutRoom,
  type Admission,
  type RolloutCandidate,
  type RolloutPlan,
  type WaveSelector,
} from '#control-database';
import type { StateCounts } from './progress-figures.js';

/** A project as a rollout would find it now. */
export interface ForecastProject {
  readonly candidate: RolloutCandidate;
  readonly admission: Admission;
}

interface ForecastWave {
  readonly selector: WaveSelector | null;
  readonly counts: StateCounts;
  /** Those that would be migrated and, behind them, those that would only be looked into; in the order of their ids. */
  readonly pending: readonly ForecastProject[];
  /** How many of the pending ones are thought to have the schema, and would only be looked into. */
  readonly verifies: number;
  /** How many of the pending ones would have to wait. */
  readonly waits: number;
}

export interface Forecast {
  readonly waves: readonly ForecastWave[];
  /** Left out, with the reason as their admission. */
  readonly skipped: readonly ForecastProject[];
}

/** Says of waves in which nothing would be migrated that they prove nothing: a label may be misspelt. */
export function emptyWaves({ waves }: Pick<Forecast, 'waves'>): string[] {
  return waves.flatMap(({ counts: { pending, done, skipped }, verifies }, position) => {
    if (pending > verifies) return [];
    if (verifies > 0) {
      return [
        `Wave ${position} has nothing to migrate as far as is known (${verifies} are looked into, ${skipped} are left out); unless one is found behind, it passes without being judged.`,
      ];
    }
    if (done + skipped === 0) return [`Wave ${position} takes no project, so nothing is tried in it.`];
    return [
      `Wave ${position} has nothing to migrate (${done} have the schema, ${skipped} are left out), so it passes without being judged.`,
    ];
  });
}

/** Says of clusters with something to migrate that they keep too few connections for as many databases as the plan allows. */
export function crampedClusters(
  { waves }: Pick<Forecast, 'waves'>,
  { parallelPerCluster }: Pick<RolloutPlan, 'parallelPerCluster'>,
  clusters: readonly Pick<Cluster, 'id' | 'name' | 'reservedConnections'>[],
): string[] {
  const inUse = new Set(waves.flatMap(({ pending }) => pending.map(({ candidate }) => candidate.clusterId)));
  return clusters.flatMap((cluster) => {
    const room = rolloutRoom(cluster);
    if (!inUse.has(cluster.id) || room >= parallelPerCluster) return [];
    return [
      `On cluster ${cluster.name} no more than ${room} at a time, not ${parallelPerCluster}: of its connections it keeps ${cluster.reservedConnections} from data planes, and those are for other work too.`,
    ];
  });
}

/**
 * What a rollout would do if it began now, by the same rules by which the worker will decide: which wave each project
 * belongs to, which have the target already (as the control database knows; with `verify` they are looked into), which are
 * left out and which have to wait. Archived projects belong to no wave.
 */
export function forecastRollout(
  plan: Pick<RolloutPlan, 'waves' | 'verify'>,
  target: number,
  candidates: readonly RolloutCandidate[],
  now: Date,
): Forecast {
  const projects = candidates.map((candidate) => ({ candidate, admission: admit(candidate, target, now) }));
  const byId = new Map(projects.map((project) => [project.candidate.projectId, project]));
  const present = candidates.filter(({ state }) => state !== 'archived');
  const waves = planWaves(present, plan.waves).map(({ selector, projectIds }) =>
    forecastWave(
      selector,
      projectIds.map((id) => byId.get(id)!),
      target,
      plan.verify,
    ),
  );
  return { waves, skipped: projects.filter(({ admission }) => admission.verdict === 'skip') };
}

function forecastWave(
  selector: WaveSelector | null,
  projects: readonly ForecastProject[],
  target: number,
  verify: boolean,
): ForecastWave {
  const isThere = ({ candidate }: ForecastProject) => (candidate.schemaVersion ?? 0) >= target;
  const isSkipped = ({ admission }: ForecastProject) => admission.verdict === 'skip';
  const inOrder = projects.toSorted((one, other) => (one.candidate.projectId < other.candidate.projectId ? -1 : 1));
  const behind = inOrder.filter((project) => !isThere(project) && !isSkipped(project));
  const verified = verify ? inOrder.filter((project) => isThere(project) && !isSkipped(project)) : [];
  const ofWave = [...behind, ...verified];
  const pending = ofWave.length;
  const done = verify ? 0 : projects.filter(isThere).length;
  return {
    selector,
    counts: { pending, running: 0, done, failed: 0, skipped: projects.length - done - pending },
    pending: ofWave,
    verifies: verified.length,
    waits: ofWave.filter(({ admission }) => admission.verdict === 'wait').length,
  };
}
