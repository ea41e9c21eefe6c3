import { bucketOf, latencyBucketsMs, quantile } from '#platform';
import { TrafficCounters } from './traffic-counters.js';

const start = Date.parse('2026-11-21T10:00:00Z');
const all = (counters: TrafficCounters) => counters.unrecorded(1_000)?.served ?? [];

describe('traffic is counted', () => {
  test('by project: requests, faults of ours, and how long they took', () => {
    const counters = new TrafficCounters();
    counters.count('one', 200, 3, start);
    counters.count('one', 503, 40, start + 1);
    counters.count('one', 404, 3, start + 2);
    counters.count('other', 201, 90_000, start + 3);
    const [one, other] = all(counters);
    expect(one).toMatchObject({ projectId: 'one', since: new Date(start), requests: 3, serverErrors: 1 });
    expect(one?.latency[bucketOf(3)]).toBe(2);
    expect(one?.latency[bucketOf(40)]).toBe(1);
    expect(one?.latency).toHaveLength(latencyBucketsMs.length + 1);
    expect(quantile(one?.latency ?? [], 0.5)).toBeCloseTo(3, 0);
    expect(other).toMatchObject({ projectId: 'other', requests: 1, serverErrors: 0 });
    expect(other?.latency.at(-1)).toBe(1);
  });

  test('in slots of ten seconds', () => {
    const counters = new TrafficCounters();
    for (const after of [0, 9_999, 10_000, 10_001, 35_000]) counters.count('one', 200, 1, start + after);
    expect(all(counters).map(({ since, requests }) => [since.getTime() - start, requests])).toEqual([
      [0, 2],
      [10_000, 2],
      [30_000, 1],
    ]);
  });
});

test('when somebody sets back the clock, slots are those of the clock, and one that comes again is the same', () => {
  const counters = new TrafficCounters();
  for (const at of [30_000, 1, 2, 30_001]) counters.count('one', 200, 1, start + at);
  expect(all(counters).map(({ since, requests }) => [since.getTime() - start, requests])).toEqual([
    [30_000, 2],
    [0, 2],
  ]);
});

describe('what was counted is given', () => {
  test('again, with all that the slot has, only when something has come since it was written', () => {
    const counters = new TrafficCounters();
    counters.count('one', 200, 1, start);
    counters.count('other', 200, 1, start);
    const first = counters.unrecorded(10);
    counters.count('one', 500, 1, start + 5);
    first?.recorded();
    expect(all(counters)).toMatchObject([{ projectId: 'one', requests: 2, serverErrors: 1 }]);
    counters.unrecorded(10)?.recorded();
    expect(counters.unrecorded(10)).toBeUndefined();
  });

  test('until it has been written, also when its slot is long over', () => {
    const counters = new TrafficCounters();
    counters.count('one', 200, 1, start);
    counters.count('one', 200, 1, start + 60_000);
    expect(counters.unrecorded(1)?.served).toMatchObject([{ since: new Date(start) }]);
    counters.unrecorded(1)?.recorded();
    expect(counters.unrecorded(1)?.served).toMatchObject([{ since: new Date(start + 60_000) }]);
  });

  test('as far as there is room: the oldest slot gives way, and a project too many in one slot is not counted', () => {
    const counters = new TrafficCounters(3);
    counters.count('a', 200, 1, start);
    counters.count('b', 200, 1, start);
    counters.count('c', 200, 1, start + 10_000);
    counters.count('d', 200, 1, start + 10_000);
    expect(all(counters).map(({ projectId }) => projectId)).toEqual(['c', 'd']);
    counters.count('e', 200, 1, start + 10_000);
    counters.count('f', 200, 1, start + 10_000);
    counters.count('c', 200, 1, start + 10_000);
    expect(all(counters).map(({ projectId, requests }) => [projectId, requests])).toEqual([
      ['c', 2],
      ['d', 1],
      ['e', 1],
    ]);
  });

  test('and forgotten when it has been written and its slot is over, so that there is room again', () => {
    const counters = new TrafficCounters(2);
    counters.count('a', 200, 1, start);
    counters.count('b', 200, 1, start);
    counters.count('c', 200, 1, start);
    counters.unrecorded(10)?.recorded();
    counters.count('c', 200, 1, start + 10_000);
    counters.count('d', 200, 1, start + 10_000);
    expect(all(counters).map(({ projectId }) => projectId)).toEqual(['c', 'd']);
  });
});
