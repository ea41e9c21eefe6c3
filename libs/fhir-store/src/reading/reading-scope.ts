import type { Connection } from '#postgres';
import { readTogether } from './read-together.js';
import { findCurrent, type Identity } from '../sql/read.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';
import { withKnownErrors, type Scope } from '../transaction.js';

/** Where readings get a connection from. */
export interface ReadingScope {
  readonly epoch: string | undefined;
  /** The current version, a deleted one too; undefined when there never was such a resource. Throws StaleRights. */
  current(identity: Identity): Promise<CurrentVersion | undefined>;
  /** For one statement that the server answers at once: it finds few rows by an index. */
  lookUp<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** For one statement, or several of which each stands for itself. */
  run<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** For several statements that must see the same. */
  snapshot<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
}

/** For readings by themselves, each on a connection of its own. */
export const ownReadings = (tenant: TenantDatabase, epoch: string | undefined): ReadingScope => ({
  epoch,
  current: (identity) => readTogether(tenant, epoch, identity),
  lookUp: (work) => withKnownErrors(() => tenant.share(work)),
  run: (work) => withKnownErrors(() => tenant.use(work)),
  snapshot: (work) =>
    withKnownErrors(() =>
      tenant.use((connection) => connection.transaction(work, { isolation: 'repeatable read', readOnly: true })),
    ),
});

/** For readings that belong to a write: on its connection, and so in its transaction if it has one. */
export function readingsOn({ connection, epoch }: Scope): ReadingScope {
  const run: ReadingScope['run'] = (work) => work(connection);
  return {
    epoch,
    current: ({ type, id }) => findCurrent(connection, epoch, type, id),
    lookUp: run,
    run,
    snapshot: run,
  };
}
