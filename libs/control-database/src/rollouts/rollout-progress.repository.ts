import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { ClusterId, ProjectId, RolloutId } from '../ids.js';
import type {
  BackfillState,
  RolloutProjectState,
  WaitsFor,
  WaveHealth,
  WaveSelector,
  WaveState,
} from './rollout-plan.js';
import { progressStatement, projectsStatement, standingsStatement } from './rollout-progress.sql.js';

/** Projects of a wave (of the whole rollout, when it stands for all) that are in the same states. */
export interface ProjectCount {
  readonly wave: number;
  readonly state: RolloutProjectState;
  readonly backfill: BackfillState;
  readonly projects: number;
}

export interface WaveRow {
  readonly position: number;
  /** Null for the projects that no selector takes. */
  readonly selector: WaveSelector | null;
  readonly state: WaveState;
  readonly health: WaveHealth | null;
  /** Moments inside one JSON answer are text. */
  readonly startedAt: string | null;
  readonly settledAt: string | null;
  readonly finishedAt: string | null;
}

export interface FailureGroup {
  /** Null when the failure had nothing to tell it from others. */
  readonly fingerprint: string | null;
  readonly projects: number;
  /** The newest one of its kind: a SchemaFailure. */
  readonly error: Readonly<Record<string, unknown>> | null;
  readonly examples: readonly { readonly project: ProjectId; readonly slug: string; readonly attempts: number }[];
}

/** How far a rollout is, at one moment. */
export interface RolloutProgress {
  /** The control database's clock. */
  readonly now: Date;
  readonly waves: readonly WaveRow[];
  readonly counts: readonly ProjectCount[];
  /** Projects that have a `foundVersion`, and for how many it is below the target. */
  readonly verified: { readonly projects: number; readonly behind: number };
  /** Projects that wait for their server, their maintenance window or an operation now, and until when the last of them does. */
  readonly waiting: { readonly projects: number; readonly until: string | null };
  /**
   * The pace of the last minute in which projects were finished: how many in how many ms. `idleMs` is the time since then.
   */
  readonly pace: { readonly projects: number; readonly overMs: number; readonly idleMs: number | null };
  /** Of migrations that succeeded, in ms; the histogram counts those up to each bound and, last, the longer ones. */
  readonly durations: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly max: number | null;
    readonly counts: readonly number[];
  };
  readonly slowest: readonly { readonly project: ProjectId; readonly slug: string; readonly durationMs: number }[];
  /** The most frequent first. */
  readonly failures: readonly FailureGroup[];
}

/** A project of a rollout, as operators see it. */
export interface RolloutProjectRow {
  readonly projectId: ProjectId;
  readonly slug: string;
  readonly clusterId: ClusterId;
  readonly wave: number;
  readonly state: RolloutProjectState;
  readonly attempts: number;
  readonly fromVersion: number | null;
  readonly toVersion: number | null;
  /** What its database had, when that was looked into though it was thought to be there, or was older than was thought. */
  readonly foundVersion: number | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly durationMs: number | null;
  readonly error: Readonly<Record<string, unknown>> | null;
  readonly errorFingerprint: string | null;
  readonly skipReason: string | null;
  readonly dueAt: Date | null;
  readonly waitsFor: WaitsFor | null;
  readonly backfill: BackfillState;
  /** Decimal. */
  readonly backfillRows: string;
}

export interface RolloutProjectFilter {
  readonly state?: RolloutProjectState;
  readonly wave?: number;
  readonly after?: ProjectId;
  readonly limit: number;
}

/** The upper bounds of the histogram of durations, in ms. */
export const durationBoundsMs: readonly number[] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];

const slowestShown = 20;
const examplesShown = 5;

/** What came of rollouts, for those who watch them. Nothing here waits for a worker or holds one up. */
export class RolloutProgressRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** All of one moment: the counts add up, and a wave that has passed has no project left. */
  async read(id: RolloutId): Promise<RolloutProgress> {
    const [row] = await runStatement<RolloutProgress>(this.dataSource, undefined, progressStatement, [
      ...[id, durationBoundsMs, slowestShown, examplesShown],
    ]);
    return row!;
  }

  /** The counts of several rollouts, over all their waves. */
  async countProjects(
    ids: readonly RolloutId[],
  ): Promise<{ rolloutId: RolloutId; state: RolloutProjectState; projects: number }[]> {
    return runStatement(this.dataSource, undefined, standingsStatement, [ids]);
  }

  /** A page of a rollout's projects, by id. */
  listProjects(id: RolloutId, { state, wave, after, limit }: RolloutProjectFilter): Promise<RolloutProjectRow[]> {
    return runStatement<RolloutProjectRow>(this.dataSource, undefined, projectsStatement, [
      ...[id, state ?? null, wave ?? null, after ?? null, limit],
    ]);
  }
}
