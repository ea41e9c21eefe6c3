import { ChangeSignal } from './change-signal.js';

const signal = () => new ChangeSignal(() => undefined);

describe('ChangeSignal', () => {
  test('a change that came before the wait ends it at once, and only one wait', async () => {
    const changes = signal();
    changes.raise();
    changes.raise();
    expect(await changes.next(60_000)).toBe('change');
    expect(await changes.next(1)).toBe('time');
  });

  test('a change during the wait ends it', async () => {
    const changes = signal();
    const wait = changes.next(60_000);
    changes.raise();
    expect(await wait).toBe('change');
  });

  test('closing ends the present wait and every later one, and tells the owner', async () => {
    let isClosed = false;
    const changes = new ChangeSignal(() => (isClosed = true));
    const wait = changes.next(60_000);
    changes.close();
    expect(await wait).toBe('ended');
    expect(await changes.next(60_000)).toBe('ended');
    expect(isClosed).toBe(true);
  });
});
