import { maxAttempts, retryDelayMs } from './retry-policy.js';

describe('the retry policy', () => {
  test('waits twice as long after each failed attempt, and all attempts fit into ten seconds', () => {
    const delays = Array.from({ length: maxAttempts - 1 }, (_, index) => retryDelayMs(index + 1));
    expect(delays).toEqual([500, 1000, 2000, 4000]);
    expect(delays.reduce((sum, delay) => sum + delay, 0)).toBeLessThan(10_000);
  });
});
