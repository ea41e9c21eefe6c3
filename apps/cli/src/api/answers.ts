/** The members of the control plane's answers that people are shown. `--json` prints whole answers, whatever they hold. */

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface Counts {
  readonly pending: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
}

export type RolloutState = 'planned' | 'running' | 'paused' | 'aborted' | 'succeeded';

export interface WaveSelector {
  readonly label?: string;
  readonly percent?: number;
  readonly cluster?: string;
  readonly region?: string;
  readonly projects?: readonly string[];
}

export interface RolloutPlan {
  readonly parallel: number;
  readonly parallelPerCluster: number;
  readonly pauseBetweenWaves: string;
  readonly attempts: number;
  readonly abortOn: {
    readonly failedProjects: number | null;
    readonly failedPercent: number;
    readonly errorRateIncreasePct: number;
    readonly p95IncreasePct: number;
  };
  readonly onExceeded: 'pause' | 'abort';
  readonly verify: boolean;
  readonly health: { readonly window: string; readonly minRequests: number; readonly smokeProjects: number };
}

export interface RolloutSummary {
  readonly id: string;
  readonly state: RolloutState;
  readonly reason: { readonly code: string; readonly message: string } | null;
  readonly target: number;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

export interface PlannedRollout extends RolloutSummary {
  readonly notes: readonly string[];
}

export interface ListedRollout extends RolloutSummary {
  readonly counts: Counts;
}

export interface ChangedRollout extends RolloutSummary {
  readonly changed: boolean;
  /** Of retry and skip: the projects that were changed. */
  readonly projects?: readonly string[];
}

interface ProjectError {
  readonly step: string | null;
  readonly statement: { readonly number: number; readonly text: string } | null;
  readonly code: string;
  readonly message: string;
  readonly position: number | null;
  readonly rolledBack: boolean | null;
}

export interface FailureGroup {
  readonly fingerprint: string | null;
  readonly projects: number;
  readonly error: ProjectError | null;
  readonly examples: readonly { readonly slug: string; readonly attempts: number }[];
}

export interface Wave {
  readonly position: number;
  readonly selector: WaveSelector | null;
  readonly state: 'pending' | 'running' | 'checking' | 'passed' | 'failed';
  readonly counts: Counts;
  readonly health: {
    readonly exceeded: readonly string[];
    readonly note?: string;
    readonly smoke?: { readonly note?: string };
  } | null;
}

export interface Rollout extends ListedRollout {
  readonly plan: RolloutPlan;
  readonly waves: readonly Wave[];
  readonly verified: { readonly projects: number; readonly behind: number };
  readonly waiting: { readonly projects: number; readonly until: string | null };
  readonly backfills: { readonly pending: number; readonly done: number; readonly failed: number };
  readonly ratePerMinute: number;
  readonly eta: string | null;
  readonly durations: { readonly p50: number | null; readonly p95: number | null; readonly max: number | null };
  readonly slowest: readonly { readonly slug: string; readonly durationMs: number }[];
  readonly failures: readonly FailureGroup[];
}

export interface RolloutProject {
  readonly slug: string;
  readonly wave: number;
  readonly state: keyof Counts;
  readonly attempts: number;
  readonly fromVersion: number | null;
  readonly toVersion: number | null;
  readonly durationMs: number | null;
  readonly error: ProjectError | null;
  readonly skipReason: string | null;
  readonly waitsFor: string | null;
  readonly dueAt: string | null;
}

export interface LockForecast {
  readonly statement: string;
  readonly object: string | null;
  readonly lock: string | null;
  readonly blocks: string;
  readonly scans: boolean;
  readonly rewrites: boolean;
  readonly hazard: string | null;
  readonly note: string;
}

export interface PendingMigration {
  readonly version: number;
  readonly name: string;
  readonly phase: 'expand' | 'contract';
  readonly transactional: boolean;
  readonly backfill: boolean;
  readonly databases: number;
  readonly statements: readonly {
    readonly number: number;
    readonly text: string;
    readonly locks: readonly LockForecast[] | null;
  }[];
  readonly problem: string | null;
}

export interface RolloutForecast {
  readonly target: number;
  readonly notes: readonly string[];
  readonly plan: RolloutPlan;
  readonly counts: Counts;
  readonly waves: readonly {
    readonly position: number;
    readonly selector: WaveSelector | null;
    readonly counts: Counts;
    readonly verifies: number;
    readonly waits: number;
    /** Some of them. */
    readonly projects: readonly { readonly slug: string }[];
  }[];
  readonly skipped: readonly { readonly slug: string; readonly reason: string }[];
  readonly migrations: readonly PendingMigration[];
}

export interface FleetVersions {
  readonly target: number | null;
  readonly newest: number;
  readonly behind: number;
  readonly versions: readonly {
    readonly version: number;
    readonly name: string | null;
    readonly projects: number;
    readonly spares: number;
  }[];
}

interface DriftedProject {
  readonly slug: string;
  readonly checkedAt: string;
  readonly schemaVersion: number | null;
  readonly differences: readonly string[];
  readonly error: string | null;
}

export interface FleetDrift extends Page<DriftedProject> {
  readonly requestedAt: string | null;
  readonly checkedAt: string | null;
  readonly counts: {
    readonly pending: number;
    readonly same: number;
    readonly drifted: number;
    readonly failed: number;
  };
}
