import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import { leaseLost } from '../operations/lease-lost.js';
import type { AdmissionFacts } from './admission.js';
import type { BackfillState, RolloutProjectState, RolloutState, WaitsFor } from './rollout-plan.js';
import {
  backfillsStatement,
  behindStatement,
  dueStatement,
  recordBackfillStatement,
  turnStatement,
} from './rollout-projects.sql.js';

/** A project of a rollout whose turn it could be, with what decides whether it is. */
export interface DueProject extends AdmissionFacts {
  readonly projectId: string;
  /** The project's, when the facts above were read. */
  readonly revision: number;
  readonly wave: number;
  /** Tries that have ended. */
  readonly attempts: number;
  readonly fromVersion: number | null;
  /** Null while the project has no database in use. */
  readonly tenantDatabaseId: string | null;
  readonly clusterId: string | null;
  readonly databaseName: string | null;
  readonly roleName: string | null;
}

/** What became of a project: the new content of its row. */
export interface ProjectOutcome {
  readonly projectId: string;
  readonly state: Exclude<RolloutProjectState, 'running'>;
  /** A try has ended. */
  readonly tried?: boolean;
  /** Backfills of later steps than this may be unfinished; counts when it is lower than what was planned. */
  readonly fromVersion?: number;
  readonly toVersion?: number;
  /** What its database had, when that was looked into though it was thought to be there, or was older than was thought. */
  readonly foundVersion?: number;
  readonly durationMs?: number;
  readonly error?: object;
  readonly errorFingerprint?: string;
  readonly skipReason?: string;
  /** Until when it is left alone, and why; of pending ones. */
  readonly dueInMs?: number;
  readonly waitsFor?: WaitsFor;
  /** Of those that wait for their maintenance window: the project's revision when it was read. Another one now wakes it. */
  readonly revision?: number;
  readonly backfill?: BackfillState;
  /** The schema that this database was seen to have, and the one that it was thought to have before. */
  readonly seen?: {
    readonly tenantDatabaseId: string;
    readonly schemaVersion: number;
    readonly thought: number | null;
  };
}

/** A project whose backfills are to be done. */
export interface BackfillProject extends Pick<AdmissionFacts, 'maintenanceWindow' | 'isBusy'> {
  readonly projectId: string;
  /** The project's, when its maintenance window was read. */
  readonly revision: number;
  readonly clusterId: string;
  readonly databaseName: string;
  /** Backfills of later steps than this may be unfinished. */
  readonly fromVersion: number;
  /** The schema that it has, which may be beyond the rollout's target. */
  readonly schemaVersion: number;
}

/** How far the backfills of a project are. */
export interface BackfillOutcome {
  readonly projectId: string;
  /** How many more rows they have worked on. */
  readonly rows: number;
  readonly state: 'pending' | 'done' | 'failed';
  /** Of those that are done: the schema up to which they are. */
  readonly upTo?: number;
  readonly error?: object;
  readonly errorFingerprint?: string;
  /** Until when the project is left alone, and why; of pending ones. */
  readonly dueInMs?: number;
  readonly waitsFor?: WaitsFor;
  /** As in `ProjectOutcome`. */
  readonly revision?: number;
}

/** Which projects of a rollout may begin. */
export interface Turns {
  /** Those of these waves. */
  readonly waves: readonly number[];
  /** Of those only the ones that an operator has put back. */
  readonly retriedOnly: boolean;
}

/** The projects of rollouts, for the worker. Writes are refused with `lease-lost` under an old fence. */
export class RolloutProjectsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Projects that are due, earlier waves first and clusters by turns; none of the clusters `away`. */
  listDue(
    rolloutId: string,
    { waves, retriedOnly }: Turns,
    away: readonly string[],
    limit: number,
  ): Promise<DueProject[]> {
    return runStatement<DueProject>(this.dataSource, undefined, dueStatement, [
      ...[rolloutId, waves, retriedOnly, away, limit],
    ]);
  }

  /**
   * Records what became of projects and marks others as begun, in one statement. Gives those that were begun: none when the
   * rollout does not run any more.
   */
  async turn(
    rollout: { readonly id: string; readonly fence: string },
    outcomes: readonly ProjectOutcome[],
    begin: readonly string[],
  ): Promise<{ state: RolloutState; begun: string[] }> {
    const [turn] = await runStatement<{ state: RolloutState; begun: string[] }>(
      this.dataSource,
      undefined,
      turnStatement,
      [rollout.id, rollout.fence, JSON.stringify(outcomes), begin],
    );
    if (turn === undefined) throw leaseLost(`rollout ${rollout.id}`);
    return turn;
  }

  /** Projects whose backfills are pending and due, those that have waited longest first; none of the clusters `away`. */
  listBackfills(
    rolloutId: string,
    { retriedOnly }: Pick<Turns, 'retriedOnly'>,
    away: readonly string[],
    limit: number,
  ): Promise<BackfillProject[]> {
    return runStatement<BackfillProject>(this.dataSource, undefined, backfillsStatement, [
      ...[rolloutId, retriedOnly, away, limit],
    ]);
  }

  /**
   * Records how far a project's backfills are. Those that earlier rollouts had left undone are done with it, unless the
   * database has a schema beyond what was done.
   */
  async recordBackfill(
    rollout: { readonly id: string; readonly fence: string },
    { projectId, rows: worked, state, upTo, error, errorFingerprint, dueInMs, waitsFor, revision }: BackfillOutcome,
  ): Promise<void> {
    const rows = await runStatement(this.dataSource, undefined, recordBackfillStatement, [
      ...[rollout.id, rollout.fence, projectId, worked, state],
      ...[error === undefined ? null : JSON.stringify(error), errorFingerprint ?? null],
      ...[upTo ?? 0, dueInMs ?? null, waitsFor ?? null, revision ?? null],
    ]);
    if (rows.length === 0) throw leaseLost(`rollout ${rollout.id}`);
  }

  /**
   * Projects, archived ones left out, that do not have this schema yet or whose backfills of it are not done, also those
   * whose database is still being built: what a contract step must wait for. A few of them, and how many there are; and the
   * schema with which new ones are made, null before the first worker has said so.
   */
  async listBehind(schemaVersion: number, limit: number): Promise<Behind> {
    const [row] = await runStatement<Behind>(this.dataSource, undefined, behindStatement, [schemaVersion, limit]);
    return row!;
  }
}

interface Behind {
  readonly count: number;
  readonly slugs: readonly string[];
  readonly bornWith: number | null;
}
