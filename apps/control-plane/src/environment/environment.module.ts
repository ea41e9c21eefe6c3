import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Clock, Config, Logger } from '#platform';
import type { OperationQueue } from '#operations';
import { ControlKeys } from './control-keys.js';

/** Injection tokens of what the process was started with. */
export const CONFIG = Symbol('Config');
export const LOGGER = Symbol('Logger');
export const CLOCK = Symbol('Clock');
export const OPERATION_QUEUE = Symbol('OperationQueue');

export interface Environment {
  config: Config;
  logger: Logger;
  clock: Clock;
  queue: OperationQueue;
  keys: ControlKeys;
}

/** Gives every part of the app the configuration, log, clock, queue and keys of the process. */
@Module({})
export class EnvironmentModule {
  static forRoot({ config, logger, clock, queue, keys }: Environment): DynamicModule {
    const providers: Provider[] = [
      { provide: CONFIG, useValue: config },
      { provide: LOGGER, useValue: logger },
      { provide: CLOCK, useValue: clock },
      { provide: OPERATION_QUEUE, useValue: queue },
      { provide: ControlKeys, useValue: keys },
    ];
    return {
      module: EnvironmentModule,
      global: true,
      providers,
      exports: [CONFIG, LOGGER, CLOCK, OPERATION_QUEUE, ControlKeys],
    };
  }
}
