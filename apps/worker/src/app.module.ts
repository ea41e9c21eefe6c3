import { type DynamicModule, Module } from '@nestjs/common';
import { HealthModule } from '#platform';
import type { Worker } from './worker.js';

/** The worker's HTTP side: health and metrics only. The work itself is started and stopped by `main.ts`. */
@Module({})
export class AppModule {
  static for(worker: Worker): DynamicModule {
    return {
      module: AppModule,
      imports: [HealthModule.forRoot({ ready: () => worker.ready() })],
      providers: [{ provide: WorkerLifetime, useValue: new WorkerLifetime(worker) }],
    };
  }
}

/** Nest calls this when the app is closed, on a signal or by its launcher. */
class WorkerLifetime {
  constructor(private readonly worker: Worker) {}

  async onApplicationShutdown(): Promise<void> {
    await this.worker.close();
  }
}
