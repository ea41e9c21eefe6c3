import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { OperationId } from '#control-database';
import type { Config, Logger } from '#platform';
import { listen } from '#postgres';
import { CONFIG, LOGGER } from '../environment/environment.module.js';
import { ChangeSignal } from './change-signal.js';

interface Watch {
  readonly what: 'end' | 'progress';
  readonly signal: ChangeSignal;
}

/**
 * Tells those who wait for an operation that it has changed, within milliseconds of the commit: one connection per
 * process listens to the database's announcements. After that connection was lost everybody is told, because what was
 * announced meanwhile is unknown. A waiter still looks by itself now and then; see ChangeSignal.
 */
@Injectable()
export class OperationWatcher implements OnModuleInit, OnModuleDestroy {
  private readonly watches = new Map<OperationId, Set<Watch>>();
  private listener: { close(): Promise<void> } | undefined;
  private isClosed = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    this.listener = await listen(
      this.config.databaseUrl!,
      ['boxyard_operation', 'boxyard_operation_step'],
      (channel, operationId) => this.raise(operationId, channel === 'boxyard_operation' ? 'end' : 'progress'),
      (cause) => {
        this.logger.warn({ err: cause }, 'announcements of operations were lost for a moment');
        this.raiseAll();
      },
    );
  }

  /** Ends every wait, so that open event streams do not hold up the stop of the process. */
  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    for (const watches of this.watches.values()) watches.forEach(({ signal }) => signal.end());
    await this.listener?.close();
  }

  /** Watches an operation from now on: its end, or all its progress as well. Whoever watches closes the signal. */
  watch(operationId: OperationId, what: Watch['what']): ChangeSignal {
    const watches = this.watches.get(operationId) ?? new Set();
    this.watches.set(operationId, watches);
    const watch: Watch = {
      what,
      signal: new ChangeSignal(() => {
        watches.delete(watch);
        if (watches.size === 0 && this.watches.get(operationId) === watches) this.watches.delete(operationId);
      }),
    };
    watches.add(watch);
    if (this.isClosed) watch.signal.end();
    return watch.signal;
  }

  private raise(operationId: OperationId, changed: Watch['what']): void {
    this.watches.get(operationId)?.forEach(({ what, signal }) => {
      if (changed === 'end' || what === 'progress') signal.raise();
    });
  }

  private raiseAll(): void {
    for (const watches of this.watches.values()) watches.forEach(({ signal }) => signal.raise());
  }
}
