import { inRows } from './in-rows.js';

test('others get their turn between pieces of work that take long, which are done in order', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const seen: number[] = [];
  const slow = (item: number): Promise<void> => {
    const begun = performance.now();
    while (performance.now() - begun < 25);
    seen.push(turns, item);
    return Promise.resolve();
  };
  try {
    await inRows([1, 2, 3], slow);
  } finally {
    clearImmediate(next);
  }
  expect(seen).toEqual([0, 1, 1, 2, 2, 3]);
});

test('what one of them throws is the end', async () => {
  const done: number[] = [];
  const work = (item: number): Promise<void> => {
    done.push(item);
    return item === 2 ? Promise.reject(new Error('broken')) : Promise.resolve();
  };
  await expect(inRows([1, 2, 3], work)).rejects.toThrow('broken');
  expect(done).toEqual([1, 2]);
});
