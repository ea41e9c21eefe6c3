import { createLogger } from '#platform';
import { runnableOperations } from './runnable-operations.js';

const { signal } = new AbortController();

/** Operations whose ends a test decides. `due` is what the control database would list, oldest first. */
function aReconciler() {
  const due: string[] = [];
  const started: string[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const logged: unknown[] = [];
  const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test');
  logger.error = (details: unknown) => void logged.push(details);
  const reconciler = runnableOperations(
    { listRunnable: async (limit) => due.slice(0, limit) },
    (id) => {
      started.push(id);
      return new Promise((resolve, reject) => ends.set(id, { resolve, reject }));
    },
    logger,
  );
  return { due, started, ends, logged, look: () => reconciler.run(signal) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const many = (count: number) => Array.from({ length: count }, (_, index) => `op_${index}`);

describe('operations that nobody runs', () => {
  test('are started while others hang', async () => {
    const { due, started, look } = aReconciler();
    due.push('op_hangs');
    await look();
    due.splice(0, 1, 'op_retry');
    await look();
    expect(started).toEqual(['op_hangs', 'op_retry']);
  });

  test('are not started a second time by a process that is still at work on them', async () => {
    const { due, started, ends, look } = aReconciler();
    due.push('op_hangs', 'op_other');
    await look();
    await look();
    expect(started).toEqual(['op_hangs', 'op_other']);
    ends.get('op_other')!.resolve();
    await settle();
    await look();
    expect(started).toEqual(['op_hangs', 'op_other', 'op_other']);
  });

  test('are started eight at a time, and further ones when some have ended, whatever the others do', async () => {
    const { due, started, ends, look } = aReconciler();
    due.push(...many(12));
    await look();
    await look();
    expect(started).toEqual(many(8));
    for (const id of ['op_3', 'op_5']) {
      due.splice(due.indexOf(id), 1);
      ends.get(id)!.resolve();
    }
    await settle();
    await look();
    expect(started).toEqual(many(10));
  });

  test('and fail are told of, and started again when they are still due', async () => {
    const { due, started, ends, logged, look } = aReconciler();
    due.push('op_fails');
    await look();
    const away = new Error('the control database is away');
    ends.get('op_fails')!.reject(away);
    await settle();
    expect(logged).toEqual([{ err: away, reconciler: 'runnable-operations' }]);
    await look();
    expect(started).toEqual(['op_fails', 'op_fails']);
  });
});
