import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { FleetRepository, RolloutRequestRepository } from '#control-database';
import { metrics, type Logger } from '#platform';
import { LOGGER } from '../environment/environment.module.js';
import { RolloutsService } from '../rollouts/rollouts.service.js';

interface Shown {
  readonly help: string;
  readonly labelNames?: readonly string[];
}

const shown = {
  boxyard_fleet_target_schema: { help: 'The schema with which tenant databases are born.' },
  boxyard_tenant_databases: {
    help: 'Tenant databases by schema and by use: of a project, or spare.',
    labelNames: ['schema', 'use'],
  },
  boxyard_tenant_database_checks: {
    help: 'Tenant databases of projects by what the last look into their schema has found: same, drifted, failed, pending.',
    labelNames: ['result'],
  },
  boxyard_rollouts: {
    help: 'Rollouts that have begun and not ended, by state: a paused one waits for an operator.',
    labelNames: ['state'],
  },
  boxyard_rollout_wave: { help: 'The wave at which the running rollout is, from 0. No value while none runs.' },
  boxyard_rollout_projects_per_minute: { help: 'Projects that the running rollout migrates in a minute.' },
  boxyard_rollout_remaining_seconds: {
    help: 'Time until the running rollout will probably have ended. No value while nothing can be said.',
  },
} as const satisfies Record<string, Shown>;

type Name = keyof typeof shown;
const names = Object.keys(shown) as Name[];

/** More rollouts than anybody leaves paused. */
const mostPaused = 100;

/**
 * Shows at `/metrics` how many tenant databases have which schema, and how the running rollout does; counted when somebody
 * looks. While the control database does not answer, the last figures stay: the rest of the page must not be lost with
 * them.
 */
@Injectable()
export class FleetMetrics implements OnModuleDestroy {
  private readonly gauges: Readonly<Record<Name, Gauge>>;
  /** Every gauge is asked at the same moment, and all figures come from one count. */
  private counting: Promise<void> | undefined;

  constructor(
    private readonly fleet: FleetRepository,
    private readonly rollouts: RolloutRequestRepository,
    private readonly progress: RolloutsService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // The registry belongs to the process; where a test starts several control planes in one, the last one is shown.
    for (const name of names) metrics.removeSingleMetric(name);
    const gauge = (name: Name): Gauge => {
      const { help, labelNames = [] }: Shown = shown[name];
      return new Gauge({ name, help, labelNames, registers: [metrics], collect: () => this.count() });
    };
    this.gauges = Object.fromEntries(names.map((name) => [name, gauge(name)])) as Record<Name, Gauge>;
  }

  onModuleDestroy(): void {
    for (const name of names) {
      if (metrics.getSingleMetric(name) === this.gauges[name]) metrics.removeSingleMetric(name);
    }
  }

  private count(): Promise<void> {
    this.counting ??= this.countOnce().finally(() => (this.counting = undefined));
    return this.counting;
  }

  private async countOnce(): Promise<void> {
    try {
      await Promise.all([this.countDatabases(), this.countChecks(), this.followRollouts()]);
    } catch (error) {
      this.logger.warn({ err: error }, 'the fleet could not be counted for the metrics');
    }
  }

  private async countDatabases(): Promise<void> {
    const { target, versions } = await this.fleet.countVersions();
    const databases = this.gauges.boxyard_tenant_databases;
    if (target !== null) this.gauges.boxyard_fleet_target_schema.set(target);
    databases.reset();
    for (const { version, projects, spares } of versions) {
      databases.set({ schema: version, use: 'project' }, projects);
      databases.set({ schema: version, use: 'spare' }, spares);
    }
  }

  private async countChecks(): Promise<void> {
    const { same, drifted, failed, pending } = await this.fleet.summariseChecks();
    for (const [result, count] of Object.entries({ same, drifted, failed, pending })) {
      this.gauges.boxyard_tenant_database_checks.set({ result }, count);
    }
  }

  private async followRollouts(): Promise<void> {
    const [paused, [running]] = await Promise.all([
      this.rollouts.list({ state: 'paused', limit: mostPaused }),
      this.rollouts.list({ state: 'running', limit: 1 }),
    ]);
    const figures = running === undefined ? undefined : await this.progress.describe(running.id);
    this.gauges.boxyard_rollouts.set({ state: 'paused' }, paused.length);
    this.gauges.boxyard_rollouts.set({ state: 'running' }, figures === undefined ? 0 : 1);
    const eta = figures?.eta ?? undefined;
    showOrRemove(this.gauges.boxyard_rollout_wave, running?.wave);
    showOrRemove(this.gauges.boxyard_rollout_projects_per_minute, figures?.ratePerMinute);
    showOrRemove(
      this.gauges.boxyard_rollout_remaining_seconds,
      eta === undefined ? undefined : Math.max(0, Math.round((Date.parse(eta) - Date.now()) / 1000)),
    );
  }
}

/** A gauge without a figure is not shown at all: 0 would be one. */
function showOrRemove(gauge: Gauge, figure: number | undefined): void {
  if (figure === undefined) gauge.remove();
  else gauge.set(figure);
}
