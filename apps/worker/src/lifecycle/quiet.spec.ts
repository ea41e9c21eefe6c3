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
    void quiet.whenQuiet(0, 60_000).then(() => (isQuiet = true));
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
    void quiet.whenQuiet(0, 60_000).then(() => (isQuiet = true));
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
      void quiet.whenQuiet(100, 60_000).then(() => (isQuiet = true));
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

  test.each([
    ['one work that hangs', () => new Promise<void>(() => undefined)],
    ['one work after another', () => new Promise<void>((resolve) => setTimeout(resolve, 60))],
  ])('is not waited for longer than was said: %s', async (_, work) => {
    jest.useFakeTimers();
    try {
      const quiet = new Quiet();
      let goesOn = true;
      const busy = (async () => {
        while (goesOn) await quiet.during(work);
      })();
      const settled: string[] = [];
      void quiet.whenQuiet(100, 1_000).then(() => settled.push('after a rest'));
      void quiet.whenQuiet(0, 500).then(() => settled.push('when idle'));
      await jest.advanceTimersByTimeAsync(999);
      expect(settled).toEqual(['when idle']);
      await jest.advanceTimersByTimeAsync(2);
      expect(settled).toEqual(['when idle', 'after a rest']);
      goesOn = false;
      void busy;
      await jest.advanceTimersByTimeAsync(100);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
