import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { PROJECT_CHANNEL, PROJECT_REDIS_CHANNEL } from '#control-database';
import type { Config, Logger } from '#platform';
import { listen } from '#postgres';
import { CONFIG, LOGGER } from '../environment/environment.module.js';

/**
 * Repeats on Redis, where REDIS_URL is set, what the control database announces of projects, whoever changed them: a data
 * plane whose own connection to that database is cut hears of it all the same. Every control plane does so, so that they
 * come more than once; what Redis could not take is made up for by one message without an id when it is back.
 */
@Injectable()
export class ProjectAnnouncements implements OnModuleInit, OnModuleDestroy {
  private redis: Redis | undefined;
  private listener: { close(): Promise<void> } | undefined;
  private isAway = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    const { databaseUrl, redisUrl } = this.config;
    if (redisUrl === undefined) return;
    const redis = new Redis(redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 1 });
    this.redis = redis;
    const publish = (message: string): void => {
      redis.publish(PROJECT_REDIS_CHANNEL, message).catch((error: Error) => this.lost(error));
    };
    redis.on('error', (error: Error) => this.lost(error));
    redis.on('ready', () => {
      this.isAway = false;
      publish('');
    });
    this.listener = await listen(
      databaseUrl!,
      [PROJECT_CHANNEL],
      (_, projectId) => publish(projectId),
      () => publish(''),
    );
  }

  async onModuleDestroy(): Promise<void> {
    await this.listener?.close();
    this.redis?.disconnect();
  }

  /** Logged once per outage. */
  private lost(error: Error): void {
    if (!this.isAway) this.logger.warn({ err: error }, 'Redis: projects cannot be announced there');
    this.isAway = true;
  }
}
