import fc from 'fast-check';
import { bucketOf, latencyBucketsMs, quantile } from './latency-histogram.js';

describe('bucketOf', () => {
  test('a bound belongs to the bucket that it ends', () => {
    latencyBucketsMs.forEach((bound, bucket) => {
      expect(bucketOf(bound)).toBe(bucket);
      expect(bucketOf(bound + 1e-9)).toBe(bucket + 1);
    });
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(3_600_000)).toBe(latencyBucketsMs.length);
  });

  test('each bound is at most a third above the one before', () => {
    latencyBucketsMs.slice(1).forEach((bound, index) => {
      const ratio = bound / latencyBucketsMs[index]!;
      expect(ratio).toBeGreaterThan(1);
      expect(ratio).toBeLessThan(4 / 3);
    });
  });
});

describe('quantile', () => {
  const countsOf = (times: readonly number[]): number[] => {
    const counts = new Array<number>(latencyBucketsMs.length + 1).fill(0);
    for (const ms of times) counts[bucketOf(ms)]!++;
    return counts;
  };

  test('of nothing is null', () => {
    expect(quantile([], 0.95)).toBeNull();
    expect(quantile(countsOf([]), 0.95)).toBeNull();
  });

  test('is in the bucket of the time that it stands for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 59_000, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (times, q) => {
          const sorted = times.toSorted((a, b) => a - b);
          const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
          const found = quantile(countsOf(times), q)!;
          const bucket = bucketOf(exact);
          expect(found).toBeGreaterThanOrEqual((latencyBucketsMs[bucket - 1] ?? 0) - 1e-6);
          expect(found).toBeLessThanOrEqual(latencyBucketsMs[bucket]! + 1e-6);
        },
      ),
      { seed: 1 },
    );
  });

  test('never falls when more of the slow is counted', () => {
    const fast = new Array<number>(100).fill(2);
    const before = quantile(countsOf(fast), 0.95)!;
    const after = quantile(countsOf([...fast, ...new Array<number>(20).fill(200)]), 0.95)!;
    expect(after).toBeGreaterThan(before * 10);
  });

  test('what is above every bound counts as the last bound', () => {
    expect(quantile(countsOf([1_000_000]), 0.5)).toBe(60_000);
  });
});
