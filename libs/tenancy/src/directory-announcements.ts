/**
 * How a data plane hears that a project changed: PostgreSQL's NOTIFY on the control database always, and a Redis
 * channel where REDIS_URL is set. Announcements carry ids only and may be lost or doubled; the directory's poll makes
 * up for the lost ones.
 */
import { Redis } from 'ioredis';
import type { Logger } from '#platform';
import { listen } from '#postgres';
import type { TenantDirectory } from './tenant-directory.js';

/** The NOTIFY channel of the control database; the payload is a project id. */
const PROJECT_CHANNEL = 'boxyard_project';
/** The Redis channel; the message is a project id. */
const PROJECT_REDIS_CHANNEL = 'boxyard:project';

export interface AnnouncementOptions {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly logger: Logger;
  /** Other news of the control database that come over the same connection: what was said on which channel. */
  readonly alsoOn?: ReadonlyMap<string, (payload: string) => void>;
}

/** Wakes the directory at every announcement, and has it read everything again after a lost connection. */
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
  const redis =
    options.redisUrl === undefined ? undefined : await subscribe(directory, options.redisUrl, options.logger);
  return {
    close: async () => {
      redis?.disconnect();
      await notifications.close();
    },
  };
}

async function subscribe(directory: TenantDirectory, url: string, logger: Logger): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null });
  redis.on('error', (error: Error) => logger.warn({ err: error }, 'Redis: project announcements are interrupted'));
  redis.on('message', () => directory.announced());
  await redis.connect();
  await redis.subscribe(PROJECT_REDIS_CHANNEL);
  // ioredis subscribes again by itself after it reconnects; what was announced in between is read here.
  redis.on('ready', () => directory.resync());
  return redis;
}

/** Tells the data planes that listen on Redis that a project changed; NOTIFY is sent by the changing transaction itself. */
export async function announceProject(redis: Pick<Redis, 'publish'>, projectId: string): Promise<void> {
  await redis.publish(PROJECT_REDIS_CHANNEL, projectId);
}
