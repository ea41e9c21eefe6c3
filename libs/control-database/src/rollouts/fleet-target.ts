import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';

/** The schema that the fleet is to have: new tenant databases are born with it, and rollouts bring the others there. */
export class FleetTarget {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Makes sure that there is a target, at first the newest schema that this release knows, and gives it. Throws when it
   * is beyond that: a later release has raised it, and this one must not work on what it does not know. Safe to call in
   * several processes at once.
   */
  async ensure(newest: number): Promise<number> {
    await runStatement(
      this.dataSource,
      undefined,
      'INSERT INTO fleet (target_version) VALUES ($1) ON CONFLICT (singleton) DO NOTHING',
      [newest],
    );
    const target = await this.get();
    if (target > newest) throw new Error(olderThanFleet(target, newest));
    return target;
  }

  /** The target. Throws before any process has made sure that there is one. */
  async get(): Promise<number> {
    const [fleet] = await runStatement<{ targetVersion: number }>(
      this.dataSource,
      undefined,
      'SELECT target_version FROM fleet',
    );
    if (fleet === undefined) throw new Error('The fleet has no target yet.');
    return fleet.targetVersion;
  }

  /** Raises the target; one that is higher already stays. From its commit on, databases are born with it. */
  async raise(version: number, transaction?: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `INSERT INTO fleet AS f (target_version) VALUES ($1)
       ON CONFLICT (singleton) DO UPDATE SET target_version = greatest(f.target_version, EXCLUDED.target_version)`,
      [version],
    );
  }
}

/** Why a release does no work on tenant databases, in words for its operator. */
export const olderThanFleet = (target: number, newest: number): string =>
  `The fleet's target is tenant schema ${target}, and this release knows schemas up to ${newest} only. Start the release that raised the target, or a later one; nothing migrates backwards.`;
