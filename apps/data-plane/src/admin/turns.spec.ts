import { Turns } from './turns.js';

test('work on one project is done in the order in which it came, whatever becomes of what was before', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const step = (name: string) => async () => {
    done.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    done.push(`${name} ends`);
    if (name === 'second') throw new Error(name);
    return name;
  };
  const work = ['first', 'second', 'third'].map((name) => turns.take('north', step(name)));
  expect(await Promise.allSettled(work)).toMatchObject([
    { value: 'first' },
    { status: 'rejected' },
    { value: 'third' },
  ]);
  expect(done).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
});

test('projects do not wait for each other', async () => {
  const turns = new Turns();
  const waiting = turns.take('north', () => new Promise<void>(() => undefined));
  expect(await turns.take('south', async () => 'done')).toBe('done');
  expect(waiting).toBeInstanceOf(Promise);
});

test('more than two hundred at a time are asked to come again', async () => {
  const turns = new Turns();
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const waiting = Array.from({ length: 200 }, () => turns.take('north', () => gate));
  await expect(turns.take('north', async () => undefined)).rejects.toMatchObject({ category: 'unavailable' });
  open();
  await Promise.all(waiting);
  expect(await turns.take('north', async () => 'again')).toBe('again');
});
