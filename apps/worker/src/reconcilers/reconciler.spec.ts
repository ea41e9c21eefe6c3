import { createLogger } from '#platform';
import { ReconcilerLoop } from './reconciler.js';

const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test');

describe('a reconciler loop', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test('runs at once and again on its timer, also after a failure', async () => {
    let runs = 0;
    const run = async () => {
      runs++;
      if (runs === 2) throw new Error('the control database is away');
    };
    const loop = new ReconcilerLoop({ name: 'test', everyMs: 1000, run }, logger);
    loop.wake();
    await jest.advanceTimersByTimeAsync(3500);
    expect(runs).toBe(4);
    await loop.close();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(runs).toBe(4);
  });

  test('never runs twice at the same time, and runs once more when it was woken meanwhile', async () => {
    let runs = 0;
    const finish: (() => void)[] = [];
    const run = () => {
      runs++;
      return new Promise<void>((resolve) => finish.push(resolve));
    };
    const loop = new ReconcilerLoop({ name: 'test', everyMs: 60_000, run }, logger);
    loop.wake();
    loop.wake();
    loop.wake();
    await jest.advanceTimersByTimeAsync(0);
    expect(runs).toBe(1);
    finish.shift()?.();
    await jest.advanceTimersByTimeAsync(0);
    expect(runs).toBe(2);
    finish.shift()?.();
    await jest.advanceTimersByTimeAsync(30_000);
    expect(runs).toBe(2);
    await loop.close();
  });

  test('tells a run under way to stop, and waits for it', async () => {
    let stopped = false;
    const run = (stopping: AbortSignal) =>
      new Promise<void>((resolve) =>
        stopping.addEventListener('abort', () => {
          stopped = true;
          resolve();
        }),
      );
    const loop = new ReconcilerLoop({ name: 'test', everyMs: 60_000, run }, logger);
    loop.wake();
    await loop.close();
    expect(stopped).toBe(true);
  });

  test('woken for later runs at that time, once, and never later than its timer says', async () => {
    let runs = 0;
    const run = async () => void runs++;
    const loop = new ReconcilerLoop({ name: 'test', everyMs: 1000, run }, logger);
    loop.wake();
    await jest.advanceTimersByTimeAsync(0);
    loop.wakeIn(50);
    loop.wakeIn(200);
    await jest.advanceTimersByTimeAsync(49);
    expect(runs).toBe(1);
    await jest.advanceTimersByTimeAsync(2);
    expect(runs).toBe(2);
    await jest.advanceTimersByTimeAsync(500);
    expect(runs).toBe(2);
    loop.wakeIn(5_000);
    await jest.advanceTimersByTimeAsync(500);
    expect(runs).toBe(3);
    await loop.close();
    loop.wakeIn(1);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(runs).toBe(3);
  });

  test('waits on close for the run under way', async () => {
    let finish!: () => void;
    const loop = new ReconcilerLoop(
      { name: 'test', everyMs: 1000, run: () => new Promise<void>((resolve) => (finish = resolve)) },
      logger,
    );
    loop.wake();
    let closed = false;
    const closing = loop.close().then(() => (closed = true));
    await jest.advanceTimersByTimeAsync(0);
    expect(closed).toBe(false);
    finish();
    await closing;
    expect(closed).toBe(true);
  });
});
