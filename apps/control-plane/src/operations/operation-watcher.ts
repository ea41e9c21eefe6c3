import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { OperationId } from '#control-database';
import type { Config, Logger } from '#platform';
import { listen } from '#postgres';
import { CONFIG, LOGGER } from '../environment/environment.module.js';
import { ChangeSignal } from './change-signal.js';

/**
 * Tells those who wait for an operation that it has changed, within milliseconds of the commit: one connection per
 * process listens to the database's announcements. After that connection was lost everybody is told, because what was
 * announced meanwhile is unknown. A waiter still looks by itself now and then; see ChangeSignal.
 */
@Injectable()
export class OperationWatcher implements OnModuleInit, OnModuleDestroy {
  private readonly signals = new Map<OperationId, Set<ChangeSignal>>();
  private listener: { close(): Promise<void> } | undefined;
  private isClosed = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    this.listener = await listen(
      this.config.databaseUrl!,
      ['boxyard_operation'],
      (_channel, operationId) => this.signals.get(operationId)?.forEach((signal) => signal.raise()),
      (cause) => {
        this.logger.warn({ err: cause }, 'announcements of operations were lost for a moment');
        this.raiseAll();
      },
    );
  }

  /** Ends every wait, so that open event streams do not hold up the stop of the process. */
  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    for (const signals of this.signals.values()) signals.forEach((signal) => signal.end());
    await this.listener?.close();
  }

  /** Watches an operation from now on. Whoever watches closes the signal. */
  watch(operationId: OperationId): ChangeSignal {
    const signals = this.signals.get(operationId) ?? new Set();
    this.signals.set(operationId, signals);
    const signal = new ChangeSignal(() => {
      signals.delete(signal);
      if (signals.size === 0 && this.signals.get(operationId) === signals) this.signals.delete(operationId);
    });
    signals.add(signal);
    if (this.isClosed) signal.end();
    return signal;
  }

  private raiseAll(): void {
    for (const signals of this.signals.values()) signals.forEach((signal) => signal.raise());
  }
}
