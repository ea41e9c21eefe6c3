import type { ListedRollout, Rollout, RolloutProject } from '../api/answers.js';
import { table } from '../output/table.js';
import { count, moment, oneLine, span } from '../output/words.js';
import {
  addCounts,
  countsText,
  failureLines,
  planLines,
  selectorText,
  stateText,
  timeLines,
  unjudged,
  verifiedText,
} from './rollout-words.js';

/** A rollout for people: where it is, its waves, its pace and what failed. */
export function rolloutLines(rollout: Rollout): string[] {
  const { target, plan, waves, failures } = rollout;
  return [
    stateText(rollout),
    '',
    `target     schema ${target}`,
    ...timeLines(rollout),
    `projects   ${countsText(addCounts(waves.map(({ counts }) => counts)))}`,
    ...planLines(plan),
    ...paceLines(rollout),
    ...(waves.length === 0 ? [] : ['', ...waveTable(waves)]),
    ...unhealthyLines(waves),
    ...(failures.length === 0 ? [] : ['', 'Failures:', ...failureLines(failures).map((line) => `  ${line}`)]),
  ];
}

function paceLines({ verified, waiting, backfills, ratePerMinute, eta, durations, slowest }: Rollout): string[] {
  const { p50, p95, max } = durations;
  const filled = backfills.pending + backfills.done + backfills.failed;
  const [slow] = slowest;
  return [
    ...(verified.projects === 0 ? [] : [`verified   ${verifiedText(verified)}`]),
    ...(waiting.projects === 0
      ? []
      : [
          `waiting    ${count(waiting.projects, 'project')}${waiting.until === null ? '' : `, the last until ${moment(waiting.until)}`}`,
        ]),
    ...(filled === 0
      ? []
      : [`backfills  ${backfills.done} done, ${backfills.failed} failed, ${backfills.pending} pending`]),
    ...(ratePerMinute === 0 ? [] : [`pace       ${ratePerMinute} projects a minute`]),
    ...(eta === null ? [] : [`ends at    about ${moment(eta)}`]),
    ...(p50 === null || p95 === null || max === null || slow === undefined
      ? []
      : [
          `durations  half within ${span(p50)}, 95 % within ${span(p95)}, the longest ${span(max)} (${oneLine(slow.slug)})`,
        ]),
  ];
}

function waveTable(waves: Rollout['waves']): string[] {
  return table(waves, [
    { title: 'WAVE', cell: ({ position }) => position },
    { title: 'SELECTS', cell: ({ selector }) => selectorText(selector) },
    { title: 'STATE', cell: ({ state }) => state },
    { title: 'DONE', cell: ({ counts }) => counts.done },
    { title: 'FAILED', cell: ({ counts }) => counts.failed },
    { title: 'SKIPPED', cell: ({ counts }) => counts.skipped },
    { title: 'RUNNING', cell: ({ counts }) => counts.running },
    { title: 'PENDING', cell: ({ counts }) => counts.pending },
  ]);
}

function unhealthyLines(waves: Rollout['waves']): string[] {
  const lines = waves.flatMap(({ position, health }) =>
    (health?.exceeded ?? []).map((exceeded) => `  wave ${position}: ${oneLine(exceeded)}`),
  );
  const notes = waves.flatMap((wave) => unjudged(wave).map((note) => `  wave ${wave.position}: ${note}`));
  return [
    ...(lines.length === 0 ? [] : ['', 'Health checks that failed:', ...lines]),
    ...(notes.length === 0 ? [] : ['', 'Not judged:', ...notes]),
  ];
}

/** Rollouts as a table. */
export function rolloutTable(rollouts: readonly ListedRollout[]): string[] {
  if (rollouts.length === 0) return ['There are no rollouts.'];
  return table(rollouts, [
    { title: 'ID', cell: ({ id }) => id },
    { title: 'STATE', cell: ({ state }) => state },
    { title: 'TARGET', cell: ({ target }) => target },
    { title: 'DONE', cell: ({ counts }) => counts.done },
    { title: 'FAILED', cell: ({ counts }) => counts.failed },
    { title: 'SKIPPED', cell: ({ counts }) => counts.skipped },
    { title: 'LEFT', cell: ({ counts }) => counts.pending + counts.running },
    { title: 'CREATED', cell: ({ createdAt }) => moment(createdAt) },
    { title: 'REASON', cell: ({ reason }) => reason?.message ?? null },
  ]);
}

/** Projects of a rollout as a table, each with what became of it. */
export function projectTable(projects: readonly RolloutProject[]): string[] {
  if (projects.length === 0) return ['There are no such projects in this rollout.'];
  return table(projects, [
    { title: 'PROJECT', cell: ({ slug }) => slug },
    { title: 'WAVE', cell: ({ wave }) => wave },
    { title: 'STATE', cell: ({ state }) => state },
    { title: 'TRIES', cell: ({ attempts }) => attempts },
    { title: 'FROM', cell: ({ fromVersion }) => fromVersion },
    { title: 'TO', cell: ({ toVersion }) => toVersion },
    { title: 'TOOK', cell: ({ durationMs }) => (durationMs === null ? null : span(durationMs)) },
    { title: 'WHY', cell: whyText },
  ]);
}

function whyText({ state, error, skipReason, waitsFor, dueAt }: RolloutProject): string | null {
  if (state === 'skipped' || (state === 'done' && skipReason !== null)) return skipReason;
  const wait = waitsFor === null ? '' : `waits for ${waitsFor}${dueAt === null ? '' : ` until ${moment(dueAt)}`}`;
  const failure = error === null ? '' : `${error.code}: ${error.message}`;
  return [wait, failure].filter((part) => part !== '').join('; ') || null;
}
