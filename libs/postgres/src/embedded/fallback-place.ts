import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { canTraverse, type ServerUser } from './server-user.js';

const systemPlace = '/var/lib/boxyard';

/**
 * A folder that the server's user can reach, for a start as root from a place that it cannot (under /root, say):
 * /var/lib/boxyard, or a folder under the temporary directory when that cannot be made.
 */
export function fallbackPlace(user: ServerUser | undefined): string {
  const temporaryPlace = path.join(tmpdir(), 'boxyard');
  for (const place of [systemPlace, temporaryPlace]) {
    try {
      mkdirSync(place, { recursive: true, mode: 0o755 });
      if (canTraverse(user, place)) return place;
    } catch {
      // A read-only or missing /var/lib is why there is a second place.
    }
  }
  throw new Error(
    `The user that PostgreSQL runs as (uid ${user?.uid}) can reach neither ${systemPlace} nor ${temporaryPlace}. ` +
      'Set BOXYARD_DATA_DIR to a folder that every user may pass through.',
  );
}

/** Where the cluster of an unreachable data directory is kept: one folder per data directory. */
export function fallbackClusterDir(place: string, dataDir: string): string {
  return path.join(place, createHash('sha256').update(dataDir).digest('hex').slice(0, 16), 'postgres');
}
