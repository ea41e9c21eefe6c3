import type { RolloutPlan, RolloutReason, RolloutStanding, WaveStanding } from '#control-database';

/** What a wave exceeds of the budget for failures. */
interface BudgetExcess {
  readonly wave: number;
  readonly reason: RolloutReason;
}

/**
 * What the failed projects of the first wave that has too many exceed, up to the current wave; undefined when all keep to the
 * plan's budget. Those whose backfills have failed count too. A share is one of those that were tried or are still to be
 * tried without waiting: who had the schema before proves nothing. A wave of which all that was tried has failed exceeds any
 * budget.
 */
export function budgetExcess({ waves, wave }: RolloutStanding, { budget }: RolloutPlan): BudgetExcess | undefined {
  for (const each of waves.slice(0, wave + 1)) {
    const message = excessOf(each, budget);
    if (message !== undefined) return { wave: each.position, reason: { code: 'budget-exceeded', message } };
  }
  return undefined;
}

function excessOf({ position, counts }: WaveStanding, budget: RolloutPlan['budget']): string | undefined {
  const { backfillsFailed, total, worked, tried } = counts;
  const failed = counts.failed + backfillsFailed;
  if (failed === 0) return undefined;
  const inBackfills = backfillsFailed === 0 ? '' : ` (${backfillsFailed} in their backfills)`;
  if (failed > budget.failedProjects) {
    const stopping = budget.failedProjects + 1;
    return `${failed} of ${total} projects of wave ${position} failed${inBackfills}; ${stopping} ${stopping === 1 ? 'stops' : 'stop'} it.`;
  }
  const awaited = counts.open + counts.due + counts.running;
  const percent = (100 * failed) / Math.max(tried + awaited, failed);
  if (percent > budget.failedPercent) {
    return `${round(percent)} % of those tried in wave ${position} failed${inBackfills}; more than ${budget.failedPercent} % stop it.`;
  }
  if (counts.failed > 0 && worked === 0 && awaited === 0) {
    return `${counts.failed} of ${total} projects of wave ${position} failed, and none was migrated.`;
  }
  return undefined;
}

const round = (percent: number): number => Math.round(percent * 10) / 10;
