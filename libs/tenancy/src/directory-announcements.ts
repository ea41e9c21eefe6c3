/**
 * How a data plane hears that a project changed: PostgreSQL's NOTIFY on the control database always, and where REDIS_URL
 * is set the Redis channel on which the control planes repeat it. Announcements carry ids only and may be lost or doubled;
 * the directory's poll makes up for the lost ones.
 */
import { Redis } from 'ioredis';
import { PROJECT_CHANNEL, PROJECT_REDIS_CHANNEL } from '#control-database';
import type { Logger } from '#platform';
import { listen } from '#postgres';
import type { TenantDirectory } from './tenant-directory.js';

export interface AnnouncementOptions {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly logger: Logger;
  /** Other news of the control database that come over the same connection: what was said on which channel. */
  readonly alsoOn?: ReadonlyMap<string, (payload: string) => void>;
}

/**
 * Wakes the directory at every announcement, and has it ask again after a lost connection. Rejects when the control
 * database cannot be listened to; Redis is listened to as soon as it is there.
 */
export async function followAnnouncements(
  directory: TenantDirectory,
  options: AnnouncementOptions,
): Promise<{ close(): Promise<void> }> {
  const { alsoOn = new Map<string, (payload: string) => void>() } = options;
  const notifications = await listen(
    options.databaseUrl,
    [PROJECT_CHANNEL, ...alsoOn.keys()],
    (channel, payload) => {
      if (channel === PROJECT_CHANNEL) directory.announced();
      else alsoOn.get(channel)?.(payload);
    },
    () => directory.resync(),
  );
  const redis = options.redisUrl === undefined ? undefined : subscribe(directory, options.redisUrl, options.logger);
  return {
    close: async () => {
      redis?.disconnect();
      await notifications.close();
    },
  };
}

function subscribe(directory: TenantDirectory, url: string, logger: Logger): Redis {
  const redis = new Redis(url, { autoResubscribe: false, maxRetriesPerRequest: null });
  let isAway = false;
  const interrupted = (error: Error): void => {
    // Logged once per outage: the connection is tried again every two seconds.
    if (!isAway) logger.warn({ err: error }, 'Redis: project announcements are interrupted');
    isAway = true;
  };
  redis.on('error', interrupted);
  redis.on('message', () => directory.announced());
  redis.on('ready', () => {
    isAway = false;
    // What was announced before it listened is read now.
    redis.subscribe(PROJECT_REDIS_CHANNEL).then(() => directory.announced(), interrupted);
  });
  return redis;
}
