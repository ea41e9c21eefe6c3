/**
 * Which projects a wave takes, of those that no wave before it took. `percent` is of the whole fleet and counts the waves
 * before it: 10 after a canary of 2 % takes 8 % more.
 */
export type WaveSelector =
  | { readonly label: string }
  | { readonly percent: number }
  | { readonly cluster: string }
  | { readonly region: string }
  | { readonly projects: readonly string[] };

/** How a rollout goes over the fleet, as its operator asked for it, with every default filled in. */
export interface RolloutPlan {
  /** In order. Projects that no selector takes belong to a last wave of their own. */
  readonly waves: readonly WaveSelector[];
  /** Databases that are migrated at the same time: in all, and on one cluster. */
  readonly parallel: number;
  readonly parallelPerCluster: number;
  /** How long to rest after a wave that has passed, in ms. */
  readonly pauseBetweenWavesMs: number;
  /** Tries for one project, with growing pauses, before it counts as failed; only transient failures are tried again. */
  readonly attempts: number;
  /** What a wave may not exceed. */
  readonly budget: {
    readonly failedProjects: number;
    /** Of the projects of the wave that were tried, or are still to be tried without waiting. */
    readonly failedPercent: number;
    /** Of 5xx answers among all, against before the wave, in percent of what it was. */
    readonly errorRateIncreasePct: number;
    /** Of the 95th percentile of the time to answer, against before the wave, in percent of what it was. */
    readonly p95IncreasePct: number;
  };
  /** What happens to the rollout when a wave exceeds it. */
  readonly onExceeded: 'pause' | 'abort';
  /** Whether databases that are thought to have the target's schema are looked into as well; else they count as done. */
  readonly verify: boolean;
  readonly health: {
    /** How long traffic is watched after a wave's last project is through, in ms; as long before it is compared with. */
    readonly windowMs: number;
    /**
     * With fewer requests than this before, traffic is no evidence and only the smoke requests decide; with fewer after,
     * only its 5xx answers are, as a share of so many.
     */
    readonly minRequests: number;
    /** Projects of the wave that are asked whether they answer. */
    readonly smokeProjects: number;
  };
}

export type RolloutState = 'planned' | 'running' | 'paused' | 'aborted' | 'succeeded';
export type WaveState = 'pending' | 'running' | 'checking' | 'passed' | 'failed';
export type RolloutProjectState = 'pending' | 'running' | 'done' | 'failed' | 'skipped';
export type BackfillState = 'none' | 'pending' | 'done' | 'failed';

/** What a project is left alone for: a pause between two tries, its server, its maintenance window, or an operation on it. */
export type WaitsFor = 'retry' | 'server' | 'window' | 'operation';

/** What the health gate saw of a wave's projects in one window. */
export interface TrafficSample {
  readonly requests: number;
  readonly serverErrors: number;
  /** ms; null without requests. */
  readonly p95Ms: number | null;
}

export interface WaveHealth {
  readonly before: TrafficSample;
  readonly after: TrafficSample;
  readonly smoke: {
    readonly asked: number;
    readonly failed: readonly { readonly projectId: string; readonly message: string }[];
    /** What could not be asked, and why. */
    readonly note?: string;
  };
  /** Why its traffic says nothing. */
  readonly note?: string;
  /** What was exceeded, in words; empty when the wave is healthy. */
  readonly exceeded: readonly string[];
}

/** When rollouts may work on a project. Days are 0 (Sunday) to 6 and mean the day on which the window begins; times are UTC. */
export interface MaintenanceWindow {
  readonly days: readonly number[];
  readonly from: string;
  readonly until: string;
}
