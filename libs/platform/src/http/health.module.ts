import { type DynamicModule, Module } from '@nestjs/common';

export interface HealthOptions {
  /** Resolves when the app can do its work now (its databases answer), rejects with the reason when it cannot. */
  ready(): Promise<void>;
}

/** The provider under which `createHttpApp` finds an app's HealthOptions. */
export const healthOptions = Symbol('HealthOptions');

/**
 * Says when an app is ready. The routes themselves (`/healthz`, `/readyz`, `/metrics`) are answered by `createHttpApp`
 * before any hook or middleware of the app, so that no tenant routing, login or rate limit stands before them.
 */
@Module({})
export class HealthModule {
  static forRoot(options: HealthOptions): DynamicModule {
    return { module: HealthModule, providers: [{ provide: healthOptions, useValue: options }] };
  }
}
