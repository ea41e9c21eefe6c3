import { latencyBucketsMs } from '#platform';

/**
 * The counts of all rows of `counted` in its column `latency`, bucket by bucket, as an array. Each bucket is a sum of its
 * own: taking the arrays apart into rows and putting them together again is many times slower, and a wave of thousands of
 * projects has some of them for each.
 */
export function latencySums(counted: string): string {
  // One more bucket is behind the last bound.
  const sums = Array.from(
    { length: latencyBucketsMs.length + 1 },
    (_, place) => `coalesce(sum(${counted}.latency[${place + 1}]), 0)`,
  );
  return `ARRAY[${sums.join(', ')}]`;
}
