import type { RolloutPlan, TrafficSample, WaveHealth, WaveTraffic } from '#control-database';
import { quantile } from '#platform';

/** A share of failed requests, and a time to answer, below which no change counts: nobody notices it. */
const unnoticedErrorRate = 0.005;
const unnoticedMs = 5;

/** What the counters say, in the form in which it is kept. */
export function trafficSample({ requests, serverErrors, latency }: WaveTraffic): TrafficSample {
  const p95 = quantile(latency, 0.95);
  return { requests, serverErrors, p95Ms: p95 === null ? null : Math.round(p95 * 100) / 100 };
}

/**
 * What the wave's health exceeds of the plan's budget, in words. A project that does not answer counts always; traffic
 * counts when there was enough of it before and after.
 */
export function judgeHealth(
  { before, after, smoke }: Pick<WaveHealth, 'before' | 'after' | 'smoke'>,
  { budget, health }: Pick<RolloutPlan, 'budget' | 'health'>,
): string[] {
  const exceeded =
    smoke.failed.length === 0 ? [] : [`${smoke.failed.length} of ${smoke.asked} projects do not answer.`];
  if (Math.min(before.requests, after.requests) < Math.max(1, health.minRequests)) return exceeded;
  const [errorsBefore, errorsAfter] = [errorRate(before), errorRate(after)];
  if (errorsAfter > Math.max(raised(errorsBefore, budget.errorRateIncreasePct), unnoticedErrorRate)) {
    exceeded.push(
      `${percent(errorsAfter)} of the requests failed, against ${percent(errorsBefore)} before; the budget is ${budget.errorRateIncreasePct} % more.`,
    );
  }
  const [p95Before, p95After] = [before.p95Ms ?? 0, after.p95Ms ?? 0];
  if (p95After > Math.max(raised(p95Before, budget.p95IncreasePct), p95Before + unnoticedMs)) {
    exceeded.push(
      `The 95th percentile of the time to answer is ${p95After} ms, against ${p95Before} ms before; the budget is ${budget.p95IncreasePct} % more.`,
    );
  }
  return exceeded;
}

const errorRate = ({ requests, serverErrors }: TrafficSample): number => serverErrors / requests;
const raised = (before: number, increasePct: number): number => before * (1 + increasePct / 100);
const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
