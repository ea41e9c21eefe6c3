import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Clock, Config, KeyProvider, Logger } from '#platform';
import type { OperationQueue } from '#operations';
import type { SchemaStep } from '#tenant-schema';
import { ControlKeys } from './control-keys.js';

/** Injection tokens of what the process was started with. */
export const CONFIG = Symbol('Config');
export const LOGGER = Symbol('Logger');
export const CLOCK = Symbol('Clock');
export const KEY_PROVIDER = Symbol('KeyProvider');
export const OPERATION_QUEUE = Symbol('OperationQueue');
/** The migrations of tenant databases that this release has, as data. */
export const SCHEMA_STEPS = Symbol('SchemaSteps');

export interface Environment {
  config: Config;
  logger: Logger;
  clock: Clock;
  queue: OperationQueue;
  keys: ControlKeys;
  /** Opens the data keys of projects, with which their signing keys are sealed. */
  keyProvider: KeyProvider;
  schemaSteps: readonly SchemaStep[];
}

/** Gives every part of the app the configuration, log, clock, queue, keys and migrations of the process. */
@Module({})
export class EnvironmentModule {
  static forRoot({ config, logger, clock, queue, keys, keyProvider, schemaSteps }: Environment): DynamicModule {
    const providers: Provider[] = [
      { provide: CONFIG, useValue: config },
      { provide: LOGGER, useValue: logger },
      { provide: CLOCK, useValue: clock },
      { provide: OPERATION_QUEUE, useValue: queue },
      { provide: ControlKeys, useValue: keys },
      { provide: SCHEMA_STEPS, useValue: schemaSteps },
      { provide: KEY_PROVIDER, useValue: keyProvider },
    ];
    return {
      module: EnvironmentModule,
      global: true,
      providers,
      exports: [CONFIG, LOGGER, CLOCK, OPERATION_QUEUE, KEY_PROVIDER, SCHEMA_STEPS, ControlKeys],
    };
  }
}
