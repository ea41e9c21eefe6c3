import { describe, expect, jest, test } from '@jest/globals';
import { Quiet } from './quiet.js';

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('quiet', () => {
  test('comes when the last of several works has ended, also by failing', async () => {
    const quiet = new Quiet();
    const ends: ((error?: Error) => void)[] = [];
    const work = () =>
      new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
    const first = quiet.during(work);
    const second = quiet.during(work);
    let isQuiet = false;
    void quiet.whenQuiet().then(() => (isQuiet = true));
    ends[0]?.();
    await first;
    await settle();
    expect(isQuiet).toBe(false);
    ends[1]?.(new Error('failed'));
    await expect(second).rejects.toThrow('failed');
    await settle();
    expect(isQuiet).toBe(true);
  });

  test('is not announced when something new has begun meanwhile', async () => {
    const quiet = new Quiet();
    let end!: () => void;
    let isQuiet = false;
    const first = quiet.during(async () => undefined);
    void quiet.whenQuiet().then(() => (isQuiet = true));
    const second = quiet.during(() => new Promise<void>((resolve) => (end = resolve)));
    await first;
    await settle();
    expect(isQuiet).toBe(false);
    end();
    await second;
    await settle();
    expect(isQuiet).toBe(true);
  });

  test('can be asked to have lasted for a while', async () => {
    jest.useFakeTimers();
    try {
      const quiet = new Quiet();
      let isQuiet = false;
      void quiet.whenQuiet(100).then(() => (isQuiet = true));
      await jest.advanceTimersByTimeAsync(90);
      await quiet.during(async () => undefined);
      await jest.advanceTimersByTimeAsync(90);
      expect(isQuiet).toBe(false);
      await jest.advanceTimersByTimeAsync(110);
      expect(isQuiet).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });
});
