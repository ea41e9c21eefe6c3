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
 * counts when there was enough of it before. Where there is too little of it after, the requests that are missing count as
 * answered, so that 5xx answers weigh however few still come; the times to answer say nothing then.
 */
export function judgeHealth(
  { before, after, smoke }: Pick<WaveHealth, 'before' | 'after' | 'smoke'>,
  { budget, health }: Pick<RolloutPlan, 'budget' | 'health'>,
): string[] {
  const exceeded =
    smoke.failed.length === 0 ? [] : [`${smoke.failed.length} of ${smoke.asked} projects do not answer.`];
  const enough = Math.max(1, health.minRequests);
  if (before.requests < enough) return exceeded;
  const errorsBefore = before.serverErrors / before.requests;
  const errorsAfter = after.serverErrors / Math.max(after.requests, enough);
  if (errorsAfter > Math.max(raised(errorsBefore, budget.errorRateIncreasePct), unnoticedErrorRate)) {
    exceeded.push(
      `${percent(errorsAfter)} of the requests failed, against ${percent(errorsBefore)} before; the budget is ${budget.errorRateIncreasePct} % more.`,
    );
  }
  if (after.requests < enough) return exceeded;
  const [p95Before, p95After] = [before.p95Ms ?? 0, after.p95Ms ?? 0];
  if (p95After > Math.max(raised(p95Before, budget.p95IncreasePct), p95Before + unnoticedMs)) {
    exceeded.push(
      `The 95th percentile of the time to answer is ${p95After} ms, against ${p95Before} ms before; the budget is ${budget.p95IncreasePct} % more.`,
    );
  }
  return exceeded;
}

/** What of the traffic of a wave was not judged, and why, in words; undefined when all was. */
export function evidenceNote(
  { before, after }: Pick<WaveHealth, 'before' | 'after'>,
  { health: { minRequests } }: Pick<RolloutPlan, 'health'>,
): string | undefined {
  if (Math.min(before.requests, after.requests) >= Math.max(1, minRequests)) return undefined;
  const what = before.requests < Math.max(1, minRequests) ? 'traffic was' : 'times to answer were';
  return `Its ${what} not judged: ${before.requests} requests before it and ${after.requests} after, and ${Math.max(1, minRequests)} are needed.`;
}

const raised = (before: number, increasePct: number): number => before * (1 + increasePct / 100);
const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
