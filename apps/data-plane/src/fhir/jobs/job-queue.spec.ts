import { JobQueue, type JobTicket } from './job-queue.js';

/** A queue whose jobs end, or pause, when they are told to. */
function aQueue() {
  const begun: string[] = [];
  const ends = new Map<string, (course: 'done' | 'paused') => void>();
  const awaited = new Map<string, () => boolean>();
  const queue = new JobQueue(({ jobId }, isAwaited) => {
    begun.push(jobId);
    awaited.set(jobId, isAwaited);
    return new Promise((resolve) => ends.set(jobId, resolve));
  });
  const end = async (jobId: string, course: 'done' | 'paused' = 'done'): Promise<void> => {
    ends.get(jobId)?.(course);
    await new Promise(setImmediate);
  };
  return { queue, begun, end, isAwaited: (jobId: string) => awaited.get(jobId)?.() };
}

const ticket = (jobId: string, projectId: string, kind: JobTicket['kind'] = 'export'): JobTicket => ({
  jobId,
  projectId,
  kind,
});

test('one job of a kind is at work for a project, and the next begins when it has ended', async () => {
  const { queue, begun, end } = aQueue();
  for (const job of [ticket('a', 'p'), ticket('b', 'p'), ticket('c', 'q'), ticket('d', 'p', 'batch')]) queue.add(job);
  expect(begun).toEqual(['a', 'c', 'd']);
  await end('a');
  expect(begun).toEqual(['a', 'c', 'd', 'b']);
});

test('few of a kind are at work altogether, and those of others do not wait for them', async () => {
  const { queue, begun, end } = aQueue();
  for (const project of ['1', '2', '3', '4', '5', '6']) queue.add(ticket(`export ${project}`, project));
  queue.add(ticket('batch', '6', 'batch'));
  expect(begun).toEqual(['export 1', 'export 2', 'export 3', 'export 4', 'batch']);
  await end('export 2');
  expect(begun.at(-1)).toBe('export 5');
});

test('what is known is not taken twice, and can be taken again when it has ended', async () => {
  const { queue, begun, end } = aQueue();
  for (const id of ['a', 'b', 'a', 'b']) queue.add(ticket(id, 'p'));
  await end('a');
  await end('b');
  expect(begun).toEqual(['a', 'b']);
  queue.add(ticket('a', 'p'));
  expect(begun).toEqual(['a', 'b', 'a']);
});

test('a job that pauses goes behind those that wait for its place, of its project and of others', async () => {
  const { queue, begun, end, isAwaited } = aQueue();
  queue.add(ticket('batch', 'p', 'batch'));
  queue.add(ticket('slow', 'p'));
  expect(isAwaited('slow')).toBe(false);
  for (const project of ['1', '2', '3', '4']) queue.add(ticket(`export ${project}`, project));
  queue.add(ticket('other', 'p'));
  expect([isAwaited('slow'), isAwaited('batch')]).toEqual([true, false]);
  await end('slow', 'paused');
  expect(begun.slice(2)).toEqual(['export 1', 'export 2', 'export 3', 'export 4']);
  await end('export 1');
  expect(begun.at(-1)).toBe('other');
  await end('other');
  expect(begun.at(-1)).toBe('slow');
  await end('slow', 'paused');
  expect(begun.slice(-2)).toEqual(['slow', 'slow']);
});

test('a closed queue begins nothing more, and is idle when the last has ended', async () => {
  const { queue, begun, end } = aQueue();
  queue.add(ticket('a', 'p'));
  queue.add(ticket('b', 'p'));
  queue.close();
  queue.add(ticket('c', 'q'));
  let isIdle = false;
  const idle = queue.idle().then(() => (isIdle = true));
  await new Promise(setImmediate);
  expect(isIdle).toBe(false);
  await end('a');
  await idle;
  expect(begun).toEqual(['a']);
});
