import type { Cluster } from '#control-database';
import type { Connection } from '#postgres';
import {
  failureOf,
  migrateSchema,
  type SchemaChange,
  SchemaError,
  type SchemaFailure,
  verifySchema,
} from '#tenant-schema';
import type { RolloutServices } from './rollout-services.js';
import { untilAborted } from './until-aborted.js';

/** The tenant database that is migrated. */
export interface MigratedDatabase {
  readonly cluster: Cluster;
  readonly databaseName: string;
  readonly roleName: string;
  /** The schema that the control database has last heard of. */
  readonly schemaVersion: number;
}

export interface MigrationOrder {
  readonly rolloutId: string;
  readonly fence: string;
  readonly target: number;
  readonly lockTimeoutMs: number;
  /** Cuts the connection: the lease is lost. */
  readonly signal: AbortSignal;
}

export type MigrationResult =
  | ({ readonly outcome: 'done' } & SchemaChange)
  /** It was thought to be at the target: this is what it has, and nothing was done to it. */
  | { readonly outcome: 'found'; readonly version: number }
  /** It has an older schema than it was thought to have, and nothing was done to it. */
  | { readonly outcome: 'behind'; readonly version: number }
  | {
      readonly outcome: 'failed';
      readonly failure: SchemaFailure;
      /** Whether there was a connection into the database. */
      readonly connected: boolean;
      /** The schema that the database was seen to have then; undefined when nobody came so far. */
      readonly reached: number | undefined;
    };

/**
 * Brings one tenant database to the target over a connection of its own, as the cluster's administrator. One that is
 * thought to be there is only looked into. One that is behind what was thought is left as it is: whether it may be migrated
 * now, nobody has asked yet. A failure is a result; rejects only when the signal is given, with its reason.
 */
export async function migrateTenant(
  { admins, steps }: Pick<RolloutServices, 'admins' | 'steps'>,
  { cluster, databaseName, roleName, schemaVersion }: MigratedDatabase,
  { rolloutId, fence, target, lockTimeoutMs, signal }: MigrationOrder,
): Promise<MigrationResult> {
  let connected = false;
  try {
    if (schemaVersion >= target) {
      const look = (owner: Connection) => {
        connected = true;
        return untilAborted(signal, verifySchema(owner, steps));
      };
      const version = await admins.inDatabase(cluster, databaseName, look, { lockTimeoutMs });
      return { outcome: version < target ? 'behind' : 'found', version };
    }
    const change = await admins.inDatabase(cluster, databaseName, (owner) => {
      connected = true;
      const migrating = migrateSchema(owner, {
        steps,
        target,
        expected: schemaVersion,
        fence,
        by: rolloutId,
        tenantRole: roleName,
        lockTimeoutMs,
      });
      return untilAborted(signal, migrating);
    });
    return change.to < target ? { outcome: 'behind', version: change.to } : { outcome: 'done', ...change };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { failure, reached } =
      error instanceof SchemaError ? error : { failure: failureOf(error), reached: undefined };
    return { outcome: 'failed', failure, connected, reached };
  }
}
