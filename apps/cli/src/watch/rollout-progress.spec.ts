import type { Counts, FailureGroup, Rollout, Wave } from '../api/answers.js';
import { currentWave, endLines, newsOf, paceText, progressLine } from './rollout-progress.js';

const none: Counts = { pending: 0, running: 0, done: 0, failed: 0, skipped: 0 };
const now = new Date('2026-11-21T09:05:00Z');

const wave = (position: number, state: Wave['state'], counts: Partial<Counts>, exceeded: string[] = []): Wave => ({
  ...{ position, state, selector: position === 0 ? { label: 'ring:canary' } : null },
  ...{ counts: { ...none, ...counts }, health: { exceeded } },
});

const failure = (projects: number, fingerprint = 'a'): FailureGroup => ({
  ...{ fingerprint, projects },
  error: {
    ...{ step: 'AddSlot43', statement: { number: 2, text: 'SELECT 1' }, code: '23514', message: 'violated' },
    ...{ position: null, rolledBack: true },
  },
  examples: [{ slug: 'quay', attempts: 1 }],
});

const rollout = (changes: Partial<Rollout> = {}): Rollout => ({
  ...{ id: 'rol_1', state: 'running', reason: null, target: 43, createdBy: 'operator:1' },
  ...{ createdAt: now.toISOString(), startedAt: now.toISOString(), finishedAt: null },
  counts: none,
  plan: {
    ...{ parallel: 4, parallelPerCluster: 4, pauseBetweenWaves: 'PT0S', attempts: 5, onExceeded: 'pause' },
    verify: false,
    abortOn: { failedProjects: 1, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 },
    health: { window: 'PT1M', minRequests: 50, smokeProjects: 3 },
  },
  waves: [wave(0, 'passed', { done: 2 }), wave(1, 'running', { pending: 5, running: 1, done: 2, skipped: 1 })],
  verified: { projects: 0, behind: 0 },
  waiting: { projects: 0, until: null },
  backfills: { pending: 0, done: 0, failed: 0 },
  ...{ ratePerMinute: 240, eta: '2026-11-21T09:07:00Z', durations: { p50: null, p95: null, max: null } },
  ...{ slowest: [], failures: [] },
  ...changes,
});

describe('where a rollout is', () => {
  test('is told in a line with its wave, its share, its pace and its end', () => {
    expect(progressLine(rollout(), now)).toBe(
      'wave 1 (the rest) running, 5/11 projects through (45 %), 1 skipped, 240/min, ends in about 2 min',
    );
  });

  test('names who waits and what is to be filled in, and no end that is unknown', () => {
    const waiting = { projects: 3, until: null };
    const slow = rollout({ waiting, backfills: { pending: 4, done: 0, failed: 0 }, ratePerMinute: 0, eta: null });
    expect(paceText(slow, now)).toBe('1 skipped, 3 wait, 4 to fill in, 0/min');
  });

  test('has no pace while nothing goes on', () => {
    expect(paceText(rollout({ state: 'paused', eta: null }), now)).toBe('paused, 1 skipped');
  });

  test('of one without projects is all of it', () => {
    expect(progressLine(rollout({ waves: [], eta: null }), now)).toBe('0/0 projects through (100 %), 240/min');
  });

  test.each([
    ['before the first wave', [wave(0, 'pending', {}), wave(1, 'pending', {})], undefined],
    ['between two waves', [wave(0, 'passed', {}), wave(1, 'pending', {})], 1],
    ['while one is checked', [wave(0, 'checking', {}), wave(1, 'pending', {})], 0],
    ['at a failed one', [wave(0, 'failed', {}), wave(1, 'pending', {})], 0],
    ['after the last', [wave(0, 'passed', {}), wave(1, 'passed', {})], undefined],
  ])('%s is in wave %#', (_, waves, position) => {
    expect(currentWave({ waves })?.position).toBe(position);
  });
});

describe('the news between two looks', () => {
  test('are none when nothing but counts has changed', () => {
    const before = rollout();
    const later = rollout({ waves: [before.waves[0]!, wave(1, 'running', { done: 9 })], ratePerMinute: 10 });
    expect(newsOf(before, later)).toEqual([]);
  });

  test('are the beginning, the check and the end of each wave', () => {
    const at = (state: Wave['state'], exceeded: string[] = []) =>
      rollout({ waves: [wave(0, state, { done: 2 }, exceeded)] });
    expect(newsOf(at('pending'), at('running'))).toEqual(['wave 0 (label=ring:canary) has begun']);
    expect(newsOf(at('running'), at('checking'))).toEqual([
      'wave 0 (label=ring:canary) is through: 2 done; its health is watched',
    ]);
    expect(newsOf(at('checking'), at('passed'))).toEqual(['wave 0 (label=ring:canary) has passed: 2 done']);
    expect(newsOf(at('checking'), at('failed', ['p95 up by 80 %']))).toEqual([
      'wave 0 (label=ring:canary) has failed: 2 done; p95 up by 80 %',
    ]);
  });

  test('are failures that were not there before, each kind once', () => {
    const before = rollout({ failures: [failure(1)] });
    expect(newsOf(before, rollout({ failures: [failure(1)] }))).toEqual([]);
    expect(newsOf(before, rollout({ failures: [failure(4), failure(1, 'b')] }))).toEqual([
      'failed: quay, 2 more: 23514 violated (AddSlot43, statement 2)',
      'failed: quay: 23514 violated (AddSlot43, statement 2)',
    ]);
  });

  test('are the state that it moves on in, and at the first look all that is so already', () => {
    expect(newsOf(rollout({ state: 'planned' }), rollout())).toEqual(['rol_1 is running.']);
    expect(newsOf(rollout(), rollout({ state: 'paused' }))).toEqual([]);
    expect(newsOf(undefined, rollout({ failures: [failure(1)] }))).toHaveLength(4);
  });
});

describe('the end', () => {
  test('of one that has succeeded is what came of it, and how long it took', () => {
    expect(endLines(rollout({ state: 'succeeded', finishedAt: '2026-11-21T09:08:20Z' }))).toEqual([
      'rol_1 has succeeded: 4 done, 1 skipped, 1 running, 5 pending after 3 min 20 s.',
    ]);
    const verified = { projects: 4, behind: 1 };
    expect(endLines(rollout({ state: 'succeeded', finishedAt: '2026-11-21T09:08:20Z', verified }))).toEqual([
      'rol_1 has succeeded: 4 done, 1 skipped, 1 running, 5 pending after 3 min 20 s; 4 databases looked into, 1 behind the target.',
    ]);
  });

  test('of one that is paused is why, and what can be done; retry and skip only with something to do', () => {
    const reason = { code: 'requested', message: 'lunch' };
    expect(endLines(rollout({ state: 'paused', reason }))).toEqual([
      'rol_1 is paused (requested): lunch',
      '  4 done, 1 skipped, 1 running, 5 pending',
      '  boxyard rollout resume rol_1',
      '  boxyard rollout abort rol_1',
    ]);
    const failed = rollout({ state: 'paused', reason, waves: [wave(0, 'failed', { failed: 1 })] });
    expect(endLines(failed).join('\n')).toContain('boxyard rollout retry rol_1');
  });
});
