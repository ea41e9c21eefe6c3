import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import {
  IdempotencyRepository,
  LoginThrottleRepository,
  ProjectTrafficRepository,
  RateWindowRepository,
  SealedSecretRepository,
} from '#control-database';
import type { Clock, Logger } from '#platform';
import { CLOCK, LOGGER } from '../environment/environment.module.js';

const everyMs = 10 * 60 * 1_000;
const rateWindowsKeptMs = 60 * 60 * 1_000;
const idempotencyKeptHours = 24;

/**
 * Takes away what is over: secrets that nobody claimed, answers kept for repeats, counters. Every replica does it; a
 * row that another one has taken away already is simply not there. Nothing depends on it but the size of the tables:
 * each reader checks the age itself.
 */
@Injectable()
export class Housekeeping implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly sealedSecrets: SealedSecretRepository,
    private readonly idempotency: IdempotencyRepository,
    private readonly throttle: LoginThrottleRepository,
    private readonly rateWindows: RateWindowRepository,
    private readonly traffic: ProjectTrafficRepository,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.tidy().catch((error: unknown) => this.logger.warn({ err: error }, 'housekeeping failed; it is tried again'));
    }, everyMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** One round. */
  async tidy(): Promise<void> {
    const now = this.clock.now();
    await this.sealedSecrets.deleteExpired(now);
    await this.idempotency.deleteOlderThan(idempotencyKeptHours);
    await this.throttle.deleteForgiven();
    await this.rateWindows.deleteBefore(new Date(now.getTime() - rateWindowsKeptMs));
    await this.traffic.deleteForgotten(now);
  }
}
