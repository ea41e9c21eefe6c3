import type { Counts, FailureGroup, Rollout, RolloutPlan, RolloutSummary, Wave, WaveSelector } from '../api/answers.js';
import { count, moment, oneLine, printable } from '../output/words.js';

/** Which projects a wave takes, as the options of a plan write it. Null: those that no other wave takes. */
export function selectorText(selector: WaveSelector | null): string {
  if (selector === null) return 'the rest';
  const { percent, projects, label, cluster, region } = selector;
  if (percent !== undefined) return `${percent}%`;
  if (projects !== undefined) return count(projects.length, 'named project');
  if (label !== undefined) return `label=${label}`;
  return cluster === undefined ? `region=${region}` : `cluster=${cluster}`;
}

/** The counts that are not 0: `12 done, 1 failed, 3 pending`. */
export function countsText(counts: Counts): string {
  const states = ['done', 'failed', 'skipped', 'running', 'pending'] as const;
  const parts = states.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  return parts.length === 0 ? 'no projects' : parts.join(', ');
}

export function addCounts(all: readonly Counts[]): Counts {
  const sum = (state: keyof Counts) => all.reduce((total, counts) => total + counts[state], 0);
  return {
    ...{ pending: sum('pending'), running: sum('running'), done: sum('done') },
    ...{ failed: sum('failed'), skipped: sum('skipped') },
  };
}

/** `rol_… is paused (requested): Support has too many calls.` */
export function stateText({ id, state, reason }: Pick<RolloutSummary, 'id' | 'state' | 'reason'>): string {
  const why = reason === null ? '' : ` (${oneLine(reason.code)}): ${oneLine(reason.message)}`;
  return `${id} is ${state}${why === '' ? '.' : why}`;
}

/** How the rollout goes, in a line each. */
export function planLines({ abortOn, health, ...plan }: RolloutPlan): string[] {
  const { parallel, parallelPerCluster, pauseBetweenWaves, attempts, onExceeded, verify } = plan;
  const failures = [
    ...(abortOn.failedProjects === null ? [] : [`${count(abortOn.failedProjects, 'failed project')} of a wave`]),
    ...(abortOn.failedPercent >= 100 ? [] : [`more than ${abortOn.failedPercent} % of a wave failed`]),
    `error rate up by ${abortOn.errorRateIncreasePct} %`,
    `p95 up by ${abortOn.p95IncreasePct} %`,
  ];
  return [
    `at once    ${count(parallel, 'database')}, ${parallelPerCluster} on one cluster; ${count(attempts, 'try').replace('trys', 'tries')} each`,
    `between    ${pauseBetweenWaves} of rest after each wave`,
    `health     ${health.window} of traffic from ${count(health.minRequests, 'request')} on, ${count(health.smokeProjects, 'smoke request')}`,
    `${onExceeded}s at`.padEnd(10) + ` ${failures.join('; ')}`,
    ...(verify ? ['verifies   databases that are thought to have the schema are looked into as well'] : []),
  ];
}

/** `120 databases looked into, 1 behind the target` */
export function verifiedText({ projects, behind }: Rollout['verified']): string {
  return `${count(projects, 'database')} looked into, ${behind} behind the target`;
}

/** What of a wave's health could not be judged, and why. */
export function unjudged({ health }: Pick<Wave, 'health'>): string[] {
  return [health?.note, health?.smoke?.note].flatMap((note) => (note === undefined ? [] : [oneLine(note)]));
}

/** What failed, one paragraph for each kind of failure, with the projects that show it. */
export function failureLines(failures: readonly FailureGroup[]): string[] {
  return failures.flatMap(({ projects, error, examples }) => {
    const named = examples.map(({ slug }) => oneLine(slug)).join(', ');
    const more = projects > examples.length ? `, and ${projects - examples.length} more` : '';
    const head = `${count(projects, 'project')}: ${named}${more}`;
    if (error === null) return [head];
    const { step, statement, code, message, position, rolledBack } = error;
    const place = [
      ...(step === null ? [] : [oneLine(step)]),
      ...(statement === null ? [] : [`statement ${statement.number}`]),
      ...(position === null ? [] : [`character ${position}`]),
      ...(rolledBack === null ? [] : [rolledBack ? 'rolled back' : 'not rolled back']),
    ];
    return [
      head,
      `  ${oneLine(code)}: ${oneLine(message)}`,
      ...(place.length === 0 ? [] : [`  at ${place.join(', ')}`]),
      ...(statement === null ? [] : sqlLines(statement.text, '    ')),
    ];
  });
}

/** SQL as its author has broken it into lines, further in. */
export function sqlLines(text: string, indent: string): string[] {
  return printable(text.trim())
    .split('\n')
    .map((line) => `${indent}${line.trimEnd()}`);
}

/** When it was made, begun and ended. */
export function timeLines({ createdAt, createdBy, startedAt, finishedAt }: RolloutSummary): string[] {
  return [
    `created    ${moment(createdAt)} by ${oneLine(createdBy)}`,
    ...(startedAt === null ? [] : [`started    ${moment(startedAt)}`]),
    ...(finishedAt === null ? [] : [`ended      ${moment(finishedAt)}`]),
  ];
}
