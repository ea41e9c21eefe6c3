import type { TrafficSample, WaveHealth } from '#control-database';
import { evidenceNote, judgeHealth, trafficSample } from './judge-health.js';

const plan = {
  budget: { failedProjects: 0, failedPercent: 0, errorRateIncreasePct: 50, p95IncreasePct: 50 },
  health: { windowMs: 60_000, minRequests: 20, smokeProjects: 3 },
};
const well: TrafficSample = { requests: 1_000, serverErrors: 0, p95Ms: 20 };
const answered: WaveHealth['smoke'] = { asked: 3, failed: [] };

const judge = (before: Partial<TrafficSample>, after: Partial<TrafficSample>, smoke = answered): string[] =>
  judgeHealth({ before: { ...well, ...before }, after: { ...well, ...after }, smoke }, plan);

describe('a wave', () => {
  test('that is as it was is healthy', () => expect(judge({}, {})).toEqual([]));

  test('is not healthy when a project does not answer, however little traffic there was', () => {
    const smoke = { asked: 3, failed: [{ projectId: 'p', message: 'answered 503' }] };
    expect(judge({ requests: 0, p95Ms: null }, { requests: 0, p95Ms: null }, smoke)).toEqual([
      '1 of 3 projects do not answer.',
    ]);
  });

  test.each([
    ['no more than the budget', 20, 30, 0],
    ['more than the budget', 20, 30.1, 1],
    ['by a factor that nobody notices', 1, 5.9, 0],
    ['by more than anybody overlooks', 1, 6.1, 1],
  ])('that became slower by %s has so many findings', (_, before, after, findings) => {
    expect(judge({ p95Ms: before }, { p95Ms: after })).toHaveLength(findings);
  });

  test.each([
    ['a few that nobody notices', 0, 5, 0],
    ['more than nobody notices', 0, 6, 1],
    ['no more than the budget', 100, 150, 0],
    ['more than the budget', 100, 151, 1],
  ])('that fails with %s has so many findings', (_, before, after, findings) => {
    expect(judge({ serverErrors: before }, { serverErrors: after })).toHaveLength(findings);
  });

  test('is not judged by traffic of which there was too little, and that is said', () => {
    const note = (before: number, after: number) =>
      evidenceNote({ before: { ...well, requests: before }, after: { ...well, requests: after } }, plan);
    expect(judge({ requests: 19 }, { p95Ms: 10_000, serverErrors: 1_000 })).toEqual([]);
    expect(note(19, 1_000)).toBe(
      'Its traffic was not judged: 19 requests before it and 1000 after, and 20 are needed.',
    );
    expect(judge({}, { requests: 19, p95Ms: 10_000 })).toEqual([]);
    expect(note(1_000, 19)).toMatch(/^Its times to answer were not judged/);
    expect(note(20, 20)).toBeUndefined();
  });

  test('is not excused by a collapse of its traffic when what is left of it fails', () => {
    expect(judge({}, { requests: 10, serverErrors: 10 })).toEqual([
      '50 % of the requests failed, against 0 % before; the budget is 50 % more.',
    ]);
    expect(judge({ serverErrors: 100 }, { requests: 10, serverErrors: 3 })).toEqual([]);
  });
});

test('a sample without requests has no percentile', () => {
  expect(trafficSample({ requests: 0, serverErrors: 0, latency: [] })).toEqual({
    requests: 0,
    serverErrors: 0,
    p95Ms: null,
  });
});
