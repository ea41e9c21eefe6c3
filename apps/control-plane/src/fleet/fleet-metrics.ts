import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { FleetRepository, type FleetVersions } from '#control-database';
import { metrics, type Logger } from '#platform';
import { LOGGER } from '../environment/environment.module.js';

const databasesMetric = 'boxyard_tenant_databases';
const targetMetric = 'boxyard_fleet_target_schema';

/**
 * Shows at `/metrics` how many tenant databases have which schema; counted when somebody looks. While the control database
 * does not answer, the last figures stay: the rest of the page must not be lost with them.
 */
@Injectable()
export class FleetMetrics implements OnModuleDestroy {
  private readonly databases: Gauge<'schema' | 'use'>;
  private readonly target: Gauge;
  /** Both gauges are asked at the same moment, and both figures come from one count. */
  private counting: Promise<void> | undefined;

  constructor(
    private readonly fleet: FleetRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // The registry belongs to the process; where a test starts several control planes in one, the last one is shown.
    for (const name of [databasesMetric, targetMetric]) metrics.removeSingleMetric(name);
    this.target = new Gauge({
      name: targetMetric,
      help: 'The schema with which tenant databases are born.',
      registers: [metrics],
      collect: () => this.count(),
    });
    this.databases = new Gauge({
      name: databasesMetric,
      help: 'Tenant databases by schema and by use: of a project, or spare.',
      labelNames: ['schema', 'use'],
      registers: [metrics],
      collect: () => this.count(),
    });
  }

  onModuleDestroy(): void {
    const shown: [string, Gauge][] = [
      [databasesMetric, this.databases],
      [targetMetric, this.target],
    ];
    for (const [name, gauge] of shown) {
      if (metrics.getSingleMetric(name) === gauge) metrics.removeSingleMetric(name);
    }
  }

  private count(): Promise<void> {
    this.counting ??= this.countOnce().finally(() => (this.counting = undefined));
    return this.counting;
  }

  private async countOnce(): Promise<void> {
    try {
      this.show(await this.fleet.countVersions());
    } catch (error) {
      this.logger.warn({ err: error }, 'the tenant databases could not be counted for the metrics');
    }
  }

  private show({ target, versions }: FleetVersions): void {
    if (target !== null) this.target.set(target);
    this.databases.reset();
    for (const { version, projects, spares } of versions) {
      this.databases.set({ schema: version, use: 'project' }, projects);
      this.databases.set({ schema: version, use: 'spare' }, spares);
    }
  }
}
