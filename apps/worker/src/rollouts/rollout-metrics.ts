import { Counter, Gauge, Histogram } from 'prom-client';
import type { RolloutProjectState, RolloutStanding } from '#control-database';
import { metrics } from '#platform';
import type { SchemaFailure } from '#tenant-schema';

const projects = new Gauge({
  name: 'boxyard_rollout_projects',
  help: 'Projects of the rollout that this worker runs, by state.',
  labelNames: ['state'],
  registers: [metrics],
});

const failures = new Counter({
  name: 'boxyard_rollout_failures_total',
  help: 'Tries to migrate a tenant database that failed, by whether the same try may succeed later.',
  labelNames: ['transient'],
  registers: [metrics],
});

const duration = new Histogram({
  name: 'boxyard_rollout_project_duration_seconds',
  help: 'Time that it took to bring one tenant database to the target, connecting included.',
  buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300],
  registers: [metrics],
});

/** Shows how many projects are where. */
export function showStanding({ waves }: RolloutStanding): void {
  const sums: Record<RolloutProjectState, number> = { pending: 0, running: 0, done: 0, failed: 0, skipped: 0 };
  for (const { counts } of waves) {
    sums.pending += counts.open + counts.due + counts.waiting;
    sums.running += counts.running;
    sums.done += counts.done;
    sums.failed += counts.failed;
    sums.skipped += counts.skipped;
  }
  for (const [state, count] of Object.entries(sums)) projects.set({ state }, count);
}

/** This worker runs no rollout any more. */
export function forgetStanding(): void {
  projects.reset();
}

export function countMigration(durationMs: number): void {
  duration.observe(durationMs / 1000);
}

export function countFailure({ isTransient }: SchemaFailure): void {
  failures.inc({ transient: String(isTransient) });
}
