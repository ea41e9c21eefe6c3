import { Inject, Injectable } from '@nestjs/common';
import type { OperationId } from '#control-database';
import type { OperationQueue } from '#operations';
import type { Logger } from '#platform';
import { LOGGER, OPERATION_QUEUE } from '../environment/environment.module.js';

/** Tells a worker that an operation was queued. */
@Injectable()
export class WakeUps {
  constructor(
    @Inject(OPERATION_QUEUE) private readonly queue: OperationQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** A wake-up that is lost only costs time: the workers' reconciler looks for queued operations. */
  async send(operationId: OperationId): Promise<void> {
    try {
      await this.queue.wake(operationId);
    } catch (error) {
      this.logger.warn({ err: error, operation: operationId }, 'no worker could be told of a queued operation');
    }
  }
}
