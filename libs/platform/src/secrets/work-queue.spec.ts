import { setImmediate } from 'node:timers/promises';
import { WorkQueue } from './work-queue.js';

/** Work that ends when it is told to. */
function aPiece() {
  let [resolve, reject]: [(value: string) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<string>((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
}

test('no more pieces of work run at once than may, and the others follow in their order', async () => {
  const queue = new WorkQueue({ atOnce: 2, waitingPerKey: 5, waiting: 5, retryAfterSeconds: 1 });
  const pieces = [aPiece(), aPiece(), aPiece(), aPiece()];
  const begun: number[] = [];
  const results = pieces.map(({ promise }, number) =>
    queue.run('one', () => {
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

test('whoever finds the own line full is refused at once and told when to come again', async () => {
  const queue = new WorkQueue({ atOnce: 1, waitingPerKey: 1, waiting: 5, retryAfterSeconds: 7 });
  const piece = aPiece();
  const [running, waiting] = [queue.run('one', () => piece.promise), queue.run('one', async () => 'second')];
  await expect(queue.run('one', async () => 'third')).rejects.toMatchObject({
    category: 'too-many-requests',
    retryAfterSeconds: 7,
  });
  piece.resolve('first');
  expect(await Promise.all([running, waiting])).toEqual(['first', 'second']);
  expect(await queue.run('one', async () => 'fourth')).toBe('fourth');
});

test('work that fails gives its turn on', async () => {
  const queue = new WorkQueue({ atOnce: 1, waitingPerKey: 1, waiting: 1, retryAfterSeconds: 1 });
  const piece = aPiece();
  const [failing, next] = [queue.run('one', () => piece.promise), queue.run('one', async () => 'next')];
  piece.reject(new Error('broken'));
  await expect(failing).rejects.toThrow('broken');
  expect(await next).toBe('next');
});

test('a flood under one key makes others wait for one piece of it only', async () => {
  const queue = new WorkQueue({ atOnce: 1, waitingPerKey: 10, waiting: 20, retryAfterSeconds: 1 });
  const begun: string[] = [];
  const run = (key: string, name: string): Promise<void> =>
    queue.run(key, async () => {
      begun.push(name);
      await setImmediate();
    });
  const flood = Array.from({ length: 5 }, (_, number) => run('flooded', `flooded ${number}`));
  const others = [run('quiet', 'quiet 0'), run('third', 'third 0'), run('quiet', 'quiet 1')];
  await Promise.all([...flood, ...others]);
  expect(begun).toEqual([
    'flooded 0',
    'flooded 1',
    'quiet 0',
    'third 0',
    'flooded 2',
    'quiet 1',
    'flooded 3',
    'flooded 4',
  ]);
});

test('a full line of one key lets others in, until too many wait at all', async () => {
  const queue = new WorkQueue({ atOnce: 1, waitingPerKey: 2, waiting: 3, retryAfterSeconds: 1 });
  const piece = aPiece();
  const running = queue.run('one', () => piece.promise);
  const waiting = ['one', 'one', 'other'].map((key) => queue.run(key, async () => key));
  for (const key of ['one', 'other']) {
    await expect(queue.run(key, async () => key)).rejects.toMatchObject({ category: 'too-many-requests' });
  }
  piece.resolve('first');
  expect(await Promise.all([running, ...waiting])).toEqual(['first', 'one', 'one', 'other']);
  expect(await queue.run('other', async () => 'again')).toBe('again');
});

test('floods under so many keys that the queue is full keep nobody out in whose line nobody waits', async () => {
  const queue = new WorkQueue({ atOnce: 1, waitingPerKey: 2, waiting: 4, retryAfterSeconds: 1 });
  const piece = aPiece();
  const running = queue.run('flood 0', () => piece.promise);
  const flood = ['flood 0', 'flood 0', 'flood 1', 'flood 1'].map((key) => queue.run(key, async () => key));
  const quiet = queue.run('quiet', async () => 'quiet');
  await expect(queue.run('quiet', async () => 'quiet')).rejects.toMatchObject({ category: 'too-many-requests' });
  piece.resolve('first');
  expect(await Promise.all([running, ...flood, quiet])).toEqual([
    'first',
    ...['0', '0', '1', '1'].map((n) => `flood ${n}`),
    'quiet',
  ]);
});
