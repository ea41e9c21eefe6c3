import { Counter, Histogram } from 'prom-client';
import type { OperationKind } from '#operations';
import { metrics } from '#platform';

const attempts = new Counter({
  name: 'boxyard_operation_attempts_total',
  help: 'Attempts at operations by kind and outcome.',
  labelNames: ['kind', 'outcome'],
  registers: [metrics],
});

const stepDuration = new Histogram({
  name: 'boxyard_operation_step_duration_seconds',
  help: 'Time that steps of operations took, by kind and step, failed ones included.',
  labelNames: ['kind', 'step'],
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
  registers: [metrics],
});

export type AttemptOutcome = 'succeeded' | 'retried' | 'failed' | 'lease-lost';

export function countAttempt(kind: OperationKind, outcome: AttemptOutcome): void {
  attempts.inc({ kind, outcome });
}

/** Runs one step and measures it. */
export async function timeStep<T>(kind: OperationKind, step: string, work: () => Promise<T>): Promise<T> {
  const end = stepDuration.startTimer({ kind, step });
  try {
    return await work();
  } finally {
    end();
  }
}
