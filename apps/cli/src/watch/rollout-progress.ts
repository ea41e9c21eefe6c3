import type { Counts, FailureGroup, Rollout, RolloutState, Wave } from '../api/answers.js';
import { moment, oneLine, span } from '../output/words.js';
import { addCounts, countsText, selectorText, stateText, unjudged, verifiedText } from '../views/rollout-words.js';

/** How much of something is through, whatever came of it. */
export interface Part {
  readonly through: number;
  readonly total: number;
}

export function partOf({ done, failed, skipped, running, pending }: Counts): Part {
  const through = done + failed + skipped;
  return { through, total: through + running + pending };
}

/** All projects of a rollout. Its waves know them from the beginning, its own counts only once it has begun. */
export function fleetCounts({ waves }: Pick<Rollout, 'waves'>): Counts {
  return addCounts(waves.map(({ counts }) => counts));
}

/** The wave that is worked on, checked or stopped at; undefined before the first and after the last. */
export function currentWave({ waves }: Pick<Rollout, 'waves'>): Wave | undefined {
  const wave = waves.find(({ state }) => state !== 'passed');
  return wave?.state === 'pending' && wave.position === 0 ? undefined : wave;
}

/** `wave 1 (10%)`; waves are counted from 0, as in the control plane's answers and messages. */
export function waveText({ position, selector }: Wave): string {
  return `wave ${position} (${oneLine(selectorText(selector))})`;
}

/** What stands beside a bar: `1 failed, 2 skipped, 240/min, ends in about 2 min`. */
export function paceText(rollout: Rollout, now: Date): string {
  const { failed, skipped } = fleetCounts(rollout);
  const { waiting, backfills, ratePerMinute, eta, state } = rollout;
  const parts = [
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
    ...(waiting.projects === 0 ? [] : [`${waiting.projects} wait`]),
    ...(backfills.pending === 0 ? [] : [`${backfills.pending} to fill in`]),
    `${ratePerMinute}/min`,
    ...(eta === null ? [] : [`ends in about ${span(Math.max(1_000, Date.parse(eta) - now.getTime()))}`]),
  ];
  return state === 'running' ? parts.join(', ') : [state, ...parts.slice(0, -1)].join(', ');
}

/** Where the rollout is, in one line: for logs, where a bar is no use. */
export function progressLine(rollout: Rollout, now: Date): string {
  const { through, total } = partOf(fleetCounts(rollout));
  const percent = total === 0 ? 100 : Math.floor((through / total) * 100);
  const wave = currentWave(rollout);
  const where = wave === undefined ? '' : `${waveText(wave)} ${wave.state}, `;
  return `${where}${through}/${total} projects through (${percent} %), ${paceText(rollout, now)}`;
}

/** States in which nothing goes on by itself. */
export const resting: readonly RolloutState[] = ['paused', 'aborted', 'succeeded'];

/**
 * What has happened between two looks at a rollout and is worth a line that stays: its state, the ends of its waves, and
 * failures. All that is so already when there was no look before. That it rests is for `endLines` to say.
 */
export function newsOf(before: Rollout | undefined, now: Rollout): string[] {
  return [
    ...(before?.state === now.state || resting.includes(now.state) ? [] : [stateText(now)]),
    ...now.waves.flatMap((wave) => waveNews(before?.waves[wave.position], wave)),
    ...now.failures.flatMap((group) => failureNews(before?.failures ?? [], group)),
  ];
}

function waveNews(before: Wave | undefined, wave: Wave): string[] {
  if (wave.state === 'pending' || before?.state === wave.state) return [];
  const text = waveText(wave);
  switch (wave.state) {
    case 'running':
      return [`${text} has begun`];
    case 'checking':
      return [`${text} is through: ${countsText(wave.counts)}; its health is watched`];
    case 'passed':
      return [`${text} has passed: ${countsText(wave.counts)}`, ...unjudged(wave).map((note) => `${text}: ${note}`)];
    case 'failed':
      return [
        `${text} has failed: ${[countsText(wave.counts), ...(wave.health?.exceeded ?? []).map(oneLine)].join('; ')}`,
      ];
  }
}

function failureNews(before: readonly FailureGroup[], group: FailureGroup): string[] {
  const had = before.find(({ fingerprint }) => fingerprint === group.fingerprint)?.projects ?? 0;
  if (group.projects <= had) return [];
  const { error, examples } = group;
  const named = examples.slice(0, group.projects - had).map(({ slug }) => oneLine(slug));
  const more = group.projects - had - named.length;
  const who = [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  if (error === null) return [`failed: ${who}`];
  const place =
    error.step === null
      ? ''
      : ` (${oneLine(error.step)}${error.statement === null ? '' : `, statement ${error.statement.number}`})`;
  return [`failed: ${who}: ${oneLine(error.code)} ${oneLine(error.message)}${place}`];
}

/** How a rollout that is not worked on any more was left, and what can be done about it. */
export function endLines(rollout: Rollout): string[] {
  const { id, state, startedAt, finishedAt, verified } = rollout;
  const took =
    startedAt === null || finishedAt === null ? '' : ` after ${span(Date.parse(finishedAt) - Date.parse(startedAt))}`;
  const looked = verified.projects === 0 ? '' : `; ${verifiedText(verified)}`;
  const summary = `${countsText(fleetCounts(rollout))}${took}${looked}`;
  if (state === 'succeeded') return [`${id} has succeeded: ${summary}.`];
  if (state === 'aborted') return [stateText(rollout), `  ${summary}`];
  const { failed } = fleetCounts(rollout);
  return [
    stateText(rollout),
    `  ${summary}`,
    ...(failed === 0
      ? []
      : [
          `  boxyard rollout projects ${id} --state failed`,
          `  boxyard rollout retry ${id}            when the cause is mended`,
          `  boxyard rollout skip ${id} <project> --reason <why>`,
        ]),
    `  boxyard rollout resume ${id}`,
    `  boxyard rollout abort ${id}`,
  ];
}

/** A line with the moment at its beginning. */
export function stamped(line: string, now: Date): string {
  return `${moment(now)}  ${line}`;
}
