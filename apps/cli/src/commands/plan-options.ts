import { InvalidArgumentError, Option, type Command } from 'commander';
import type { WaveSelector } from '../api/answers.js';

/** What commander makes of the options that `addPlanOptions` adds. */
export interface PlanOptions {
  target?: number;
  wave?: WaveSelector[];
  parallel?: number;
  parallelPerCluster?: number;
  pauseBetweenWaves?: string;
  attempts?: number;
  stopAtFailed?: number;
  stopAtFailedPercent?: number;
  stopAtErrorRate?: number;
  stopAtP95?: number;
  onExceeded?: string;
  healthWindow?: string;
  minRequests?: number;
  smokeProjects?: number;
  verify?: true;
}

/** Adds the options that say how a rollout goes. What is left out is for the control plane to choose. */
export function addPlanOptions(command: Command): Command {
  return command
    .option('--target <version>', 'schema to bring the fleet to (default: the newest of the release)', wholeNumber)
    .option(
      '--wave <selector>',
      'a wave, in order, may be repeated: 10%, label=<key:value>, cluster=<name>, region=<name>, projects=<slug,…>',
      (text: string, before: WaveSelector[] = []) => [...before, waveSelector(text)],
    )
    .option('--parallel <n>', 'databases that are migrated at the same time', wholeNumber)
    .option('--parallel-per-cluster <n>', 'of those, on one cluster', wholeNumber)
    .option('--pause-between-waves <duration>', 'rest after a wave that has passed: 30m, 1h30m or PT30M', duration)
    .option('--attempts <n>', 'tries for one project whose failure may pass', wholeNumber)
    .option('--stop-at-failed <n>', 'failed projects that stop a wave', wholeNumber)
    .option('--stop-at-failed-percent <p>', 'share of failed projects that stops a wave', decimal)
    .option('--stop-at-error-rate <p>', 'growth of the error rate that stops a wave, in percent', decimal)
    .option('--stop-at-p95 <p>', 'growth of the 95th percentile of answer times that stops a wave, in percent', decimal)
    .addOption(new Option('--on-exceeded <what>', 'what happens when a wave is stopped').choices(['pause', 'abort']))
    .option('--health-window <duration>', 'how long traffic is watched after a wave: 90s, 5m or PT5M', duration)
    .option('--min-requests <n>', 'with fewer requests, traffic is no evidence', wholeNumber)
    .option('--smoke-projects <n>', 'projects of each wave that are asked whether they answer', wholeNumber)
    .option('--verify', 'look into every database, also into those that are thought to have the schema');
}

/** The request that the options ask for, with nothing in it that they do not name. */
export function rolloutRequest(options: PlanOptions): object {
  const { target, wave, parallel, parallelPerCluster, pauseBetweenWaves, attempts, onExceeded, verify } = options;
  const abortOn = withoutGaps({
    failedProjects: options.stopAtFailed,
    failedPercent: options.stopAtFailedPercent,
    errorRateIncreasePct: options.stopAtErrorRate,
    p95IncreasePct: options.stopAtP95,
  });
  const health = withoutGaps({
    window: options.healthWindow,
    minRequests: options.minRequests,
    smokeProjects: options.smokeProjects,
  });
  const plan = { target, waves: wave, parallel, parallelPerCluster, pauseBetweenWaves, attempts, onExceeded, verify };
  return withoutGaps({ ...plan, abortOn, health }) ?? {};
}

/** The members that are there; undefined when none is. */
function withoutGaps(members: Record<string, unknown>): object | undefined {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

const namedSelectors = ['label', 'cluster', 'region'] as const;

/** `10%`, `label=ring:canary`, `cluster=name`, `region=name` or `projects=one,two`. */
export function waveSelector(text: string): WaveSelector {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) return { percent: Number(percent) };
  const [, name = '', value = ''] = /^([a-z]+)=(.+)$/s.exec(text) ?? [];
  const named = namedSelectors.find((known) => known === name);
  if (named !== undefined) return { [named]: value };
  const projects = value.split(',').map((project) => project.trim());
  if (name === 'projects' && projects.every((project) => project !== '')) return { projects };
  throw new InvalidArgumentError('A wave is 10%, label=…, cluster=…, region=… or projects=….');
}

/** `30m`, `1h30m`, `2d` as ISO 8601, which is taken as it is. */
export function duration(text: string): string {
  if (/^P/i.test(text)) return text.toUpperCase();
  const match = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError('A duration is 90s, 30m, 1h30m, 2d or PT30M.');
  const [days, hours, minutes, seconds] = match.slice(1) as (string | undefined)[];
  const part = (size: string | undefined, unit: string) => (size === undefined ? '' : `${Number(size)}${unit}`);
  const time = part(hours, 'H') + part(minutes, 'M') + part(seconds, 'S');
  return `P${part(days, 'D')}${time === '' ? '' : `T${time}`}`;
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

function decimal(text: string): number {
  if (!/^\d{1,15}(\.\d{1,15})?%?$/.test(text)) throw new InvalidArgumentError('It is not a number.');
  return Number(text.replace('%', ''));
}
