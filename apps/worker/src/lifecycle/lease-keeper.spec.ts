import { DomainError } from '#platform';
import { LeaseKeeper } from './lease-keeper.js';

const lost = new DomainError('conflict', 'lease-lost', 'another worker has it');

describe('the lease of a running operation', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test('is renewed three times within its time, for as long as the operation runs', async () => {
    let renewals = 0;
    const keeper = new LeaseKeeper('op_1', 30_000, async () => void renewals++, fail);
    await jest.advanceTimersByTimeAsync(120_000);
    expect(renewals).toBe(12);
    keeper.assertHeld();
    keeper.stop();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(renewals).toBe(12);
  });

  test('is given up at once, and once, when another worker has it', async () => {
    let told = 0;
    const keeper = new LeaseKeeper(
      'op_1',
      30_000,
      () => Promise.reject(lost),
      () => void told++,
    );
    await jest.advanceTimersByTimeAsync(10_000);
    expect(() => keeper.assertHeld()).toThrow(expect.objectContaining({ code: 'lease-lost' }));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(told).toBe(1);
  });

  test('is given up at once, and once, when somebody else hears first that it is lost', async () => {
    let told = 0;
    let answer!: (error: Error) => void;
    const renew = () => new Promise<void>((_, reject) => (answer = reject));
    const keeper = new LeaseKeeper('op_1', 30_000, renew, () => void told++);
    await jest.advanceTimersByTimeAsync(10_000);
    keeper.lose();
    expect(() => keeper.assertHeld()).toThrow(expect.objectContaining({ code: 'lease-lost' }));
    answer(lost);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(told).toBe(1);
  });

  test('survives a short absence of the control database', async () => {
    let away = true;
    const renew = () => (away ? Promise.reject(new Error('ECONNREFUSED')) : Promise.resolve());
    const keeper = new LeaseKeeper('op_1', 30_000, renew, fail);
    await jest.advanceTimersByTimeAsync(15_000);
    away = false;
    await jest.advanceTimersByTimeAsync(60_000);
    keeper.assertHeld();
    keeper.stop();
  });

  test('is over when its time has passed without a renewal', async () => {
    let told = 0;
    const keeper = new LeaseKeeper(
      'op_1',
      30_000,
      () => Promise.reject(new Error('ECONNREFUSED')),
      () => void told++,
    );
    await jest.advanceTimersByTimeAsync(29_000);
    keeper.assertHeld();
    await jest.advanceTimersByTimeAsync(12_000);
    expect(() => keeper.assertHeld()).toThrow(expect.objectContaining({ code: 'lease-lost' }));
    expect(told).toBe(1);
  });
});

function fail(): void {
  throw new Error('the lease was not lost');
}
