import { BuildSlots } from './build-slots.js';

/** Lets every promise that can settle do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('build slots', () => {
  test('run at most four builds at once and operations before the stock', async () => {
    const slots = new BuildSlots();
    const started: string[] = [];
    const finish: (() => void)[] = [];
    const build = (name: string, priority: 'operation' | 'stock') =>
      slots.run(priority, () => {
        started.push(name);
        return new Promise<void>((resolve) => finish.push(resolve));
      });
    const all = ['a', 'b', 'c', 'd'].map((name) => build(name, 'stock'));
    all.push(build('stock', 'stock'), build('first', 'operation'), build('second', 'operation'));
    await settle();
    expect(started).toEqual(['a', 'b', 'c', 'd']);

    finish.shift()?.();
    await settle();
    expect(started.at(-1)).toBe('first');
    finish.shift()?.();
    finish.shift()?.();
    await settle();
    expect(started.slice(-2)).toEqual(['second', 'stock']);

    for (const end of finish) end();
    await Promise.all(all);
  });

  test('give the slot back when a build fails', async () => {
    const slots = new BuildSlots(1);
    await expect(slots.run('operation', () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    await expect(slots.run('stock', async () => 'built')).resolves.toBe('built');
  });
});
