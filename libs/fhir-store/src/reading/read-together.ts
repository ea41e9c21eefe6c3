import { findCurrent, findEachCurrent, type Identity } from '../sql/read.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { assertEpoch } from '../caller.js';
import type { TenantDatabase } from '../tenant-database.js';
import { withKnownErrors } from '../transaction.js';

interface Asked extends Identity {
  /** The rights under which it is asked; each asker's own. */
  readonly epoch: string | undefined;
  readonly resolve: (current: CurrentVersion | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A statement is planned for few rows, and answers nobody before it has found all. */
const maxTogether = 32;

/** Who waits for the next statement, by tenant: one tenant's reads never travel with another's. */
const waiting = new WeakMap<TenantDatabase, Asked[]>();

/**
 * The current version, a deleted one too; undefined when there never was such a resource. Reads of one tenant that arrive
 * in the same turn of the event loop travel in one statement, which costs less than one for each (decision 0029). The
 * statement starts after all of them were asked for, so each sees what was committed before it came. Throws StaleRights to
 * those whose rights have changed.
 */
export function readTogether(
  tenant: TenantDatabase,
  epoch: string | undefined,
  { type, id }: Identity,
): Promise<CurrentVersion | undefined> {
  return new Promise((resolve, reject) => {
    const asked: Asked = { type, id, epoch, resolve, reject };
    const others = waiting.get(tenant);
    if (others !== undefined) {
      others.push(asked);
      return;
    }
    waiting.set(tenant, [asked]);
    // After everything that has arrived was looked at.
    setImmediate(() => sendWaiting(tenant));
  });
}

function sendWaiting(tenant: TenantDatabase): void {
  const all = waiting.get(tenant) ?? [];
  waiting.delete(tenant);
  for (let start = 0; start < all.length; start += maxTogether) {
    const some = all.slice(start, start + maxTogether);
    read(tenant, some).catch((error: unknown) => {
      for (const { reject } of some) reject(error);
    });
  }
}

async function read(tenant: TenantDatabase, asked: readonly Asked[]): Promise<void> {
  const [only, ...others] = asked;
  if (only !== undefined && others.length === 0) {
    const { epoch, type, id } = only;
    only.resolve(await withKnownErrors(() => tenant.share((connection) => findCurrent(connection, epoch, type, id))));
    return;
  }
  const found = await withKnownErrors(() => tenant.share((connection) => findEachCurrent(connection, asked)));
  asked.forEach(({ epoch, resolve, reject }, place) => {
    try {
      assertEpoch(epoch, found.epoch);
      resolve(found.versions[place]);
    } catch (error) {
      reject(error);
    }
  });
}
