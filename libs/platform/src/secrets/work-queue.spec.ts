import { expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { WorkQueue } from './work-queue.js';

/** Work that ends when it is told to. */
function aPiece() {
  let [resolve, reject]: [(value: string) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<string>((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
}

test('no more pieces of work run at once than may, and the others follow in their order', async () => {
  const queue = new WorkQueue({ atOnce: 2, waiting: 5, retryAfterSeconds: 1 });
  const pieces = [aPiece(), aPiece(), aPiece(), aPiece()];
  const begun: number[] = [];
  const results = pieces.map(({ promise }, number) =>
    queue.run(() => {
      begun.push(number);
      return promise;
    }),
  );
  await setImmediate();
  expect(begun).toEqual([0, 1]);
  pieces[1]?.resolve('b');
  await setImmediate();
  expect(begun).toEqual([0, 1, 2]);
  for (const { resolve } of pieces) resolve('done');
  expect(await Promise.all(results)).toEqual(['done', 'b', 'done', 'done']);
});

test('whoever finds the queue full is refused at once and told when to come again', async () => {
  const queue = new WorkQueue({ atOnce: 1, waiting: 1, retryAfterSeconds: 7 });
  const piece = aPiece();
  const [running, waiting] = [queue.run(() => piece.promise), queue.run(async () => 'second')];
  await expect(queue.run(async () => 'third')).rejects.toMatchObject({
    category: 'too-many-requests',
    retryAfterSeconds: 7,
  });
  piece.resolve('first');
  expect(await Promise.all([running, waiting])).toEqual(['first', 'second']);
  expect(await queue.run(async () => 'fourth')).toBe('fourth');
});

test('work that fails gives its turn on', async () => {
  const queue = new WorkQueue({ atOnce: 1, waiting: 1, retryAfterSeconds: 1 });
  const piece = aPiece();
  const [failing, next] = [queue.run(() => piece.promise), queue.run(async () => 'next')];
  piece.reject(new Error('broken'));
  await expect(failing).rejects.toThrow('broken');
  expect(await next).toBe('next');
});
