import { ModernFakeTimers } from '@jest/fake-timers';
import { addEventHandler } from 'jest-circus';

/** What the runner leaves out of Jest: an end to what hangs, and the timers that tests fake. Loaded once in each worker. */

const defaultTimeoutMs = 120_000;

// The real ones, whatever a test fakes.
const { setTimeout, clearTimeout } = globalThis;

addEventHandler((event, state) => {
  if (event.name !== 'add_test' && event.name !== 'add_hook') return;
  const { children, hooks } = state.currentDescribeBlock;
  const added = (event.name === 'add_test' ? children : hooks).at(-1);
  if (added === undefined || added.type === 'describeBlock') return;
  const run = added.fn as () => unknown;
  const ms = event.timeout ?? defaultTimeoutMs;
  added.fn = () => endsWithin(ms, run);
});

async function endsWithin(ms: number, run: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Still running after ${ms} ms.`)), ms);
  });
  try {
    await Promise.race([(async () => run())(), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

const timers = new ModernFakeTimers({ config: { fakeTimers: {} } as never, global: globalThis });
Object.assign(jest, {
  useFakeTimers: (config?: object) => timers.useFakeTimers(config as never),
  useRealTimers: () => timers.useRealTimers(),
  setSystemTime: (now: number) => timers.setSystemTime(now),
  advanceTimersByTime: (ms: number) => timers.advanceTimersByTime(ms),
  advanceTimersByTimeAsync: (ms: number) => timers.advanceTimersByTimeAsync(ms),
  getTimerCount: () => timers.getTimerCount(),
});

// A file that leaves something open does not keep the worker after the run.
process.on('disconnect', () => process.exit());
