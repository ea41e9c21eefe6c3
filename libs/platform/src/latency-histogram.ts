/**
 * The upper bounds, in ms, of the buckets in which times to answer are counted: each is about a fifth above the one
 * before, so that a percentile is known to a tenth, from a quarter of a millisecond to a minute. What takes longer is in
 * one more bucket behind the last bound. The counts are kept in the control database, so the bounds never change.
 */
export const latencyBucketsMs: readonly number[] = [
  0.25, 0.3, 0.36, 0.43, 0.52, 0.62, 0.75, 0.9, 1.1, 1.3, 1.6, 1.9, 2.3, 2.7, 3.3, 4, 4.7, 5.7, 6.8, 8.2, 9.8, 12, 14,
  17, 20, 24, 29, 35, 42, 51, 61, 73, 87, 105, 126, 151, 181, 218, 261, 313, 376, 451, 542, 650, 780, 936, 1_120, 1_350,
  1_620, 1_940, 2_330, 2_800, 3_350, 4_020, 4_830, 5_800, 6_960, 8_350, 10_000, 12_000, 14_400, 17_300, 20_800, 25_000,
  30_000, 36_000, 43_200, 51_900, 60_000,
];

/** The bucket of a time in ms, from 0; `latencyBucketsMs.length` for what is above every bound. */
export function bucketOf(ms: number): number {
  let [from, until] = [0, latencyBucketsMs.length];
  while (from < until) {
    const middle = (from + until) >>> 1;
    if (latencyBucketsMs[middle]! < ms) from = middle + 1;
    else until = middle;
  }
  return from;
}

/**
 * The time, in ms, within which the share `q` (0 to 1) of what is counted was done, taken as evenly spread within its
 * bucket; null when nothing is counted. `counts` has one place per bucket, the one above every bound last.
 */
export function quantile(counts: readonly number[], q: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) return within(bucket, (rank - below) / count);
    below += count;
  }
  return latencyBucketsMs.at(-1)!;
}

function within(bucket: number, share: number): number {
  const upper = latencyBucketsMs[bucket];
  if (upper === undefined) return latencyBucketsMs.at(-1)!;
  const lower = latencyBucketsMs[bucket - 1] ?? 0;
  return lower + (upper - lower) * share;
}
