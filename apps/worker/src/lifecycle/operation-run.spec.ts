import { type ClaimedOperation, leaseLost } from '#control-database';
import { createLogger } from '#platform';
import { type LifecycleAction, lifecycleAction, type Step, step } from './lifecycle-action.js';
import type { LifecycleServices } from './lifecycle-services.js';
import { OperationRun } from './operation-run.js';

type Kind = 'project.delete';
type RecordStep = (step: string) => Promise<void>;

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A first run of these steps, over a control database that records them as the test says. */
function aRun(steps: readonly Step<Kind>[], recordStep: RecordStep = async () => undefined): OperationRun<Kind> {
  const operations = {
    recordStep: (_id: string, _fence: string, name: string) => recordStep(name),
    succeedWith: (_id: string, _fence: string, name: string) => recordStep(name),
    renewLease: async () => undefined,
  };
  const transactions = { run: (work: (transaction: object) => Promise<unknown>) => work({}) };
  const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test');
  const services = { operations, transactions, undurable: { operations, transactions }, logger };
  const action: LifecycleAction<Kind> = lifecycleAction('project.delete', steps, {
    afterLastAttempt: 'persist',
    giveUp: async () => undefined,
  });
  const operation = { id: 'op_1', fence: '1', attempt: 1, params: {}, projectId: 'p', project: null };
  return new OperationRun(
    operation as unknown as ClaimedOperation,
    action,
    services as unknown as LifecycleServices,
    30_000,
  );
}

describe('a run of an operation', () => {
  test('begins no further step once a record has been refused because another worker has the operation', async () => {
    const begun: string[] = [];
    let closed = false;
    let closedWhileAtWork = false;
    let refuse!: (error: Error) => void;
    const begin = (name: string) => step<Kind>(name, { do: async () => void begun.push(name) });
    const run = aRun(
      [
        begin('first'),
        step<Kind>('second', {
          do: async ({ shared }) => {
            begun.push('second');
            await shared.get(
              'connection',
              async () => 'open',
              async () => void (closed = true),
            );
            refuse(leaseLost('operation op_1'));
            await settle();
            closedWhileAtWork = closed;
          },
        }),
        begin('third'),
        begin('last'),
      ],
      (name) => (name === 'first' ? new Promise((_, reject) => (refuse = reject)) : Promise.resolve()),
    );
    await expect(run.execute()).rejects.toMatchObject({ code: 'lease-lost' });
    expect(begun).toEqual(['first', 'second']);
    expect(closedWhileAtWork).toBe(true);
  });

  test('ends as it has ended, also when what its steps shared cannot be closed', async () => {
    const share = step<Kind>('share', {
      do: async ({ shared }) => {
        await shared.get(
          'connection',
          async () => 'open',
          () => Promise.reject(new Error('the connection is broken')),
        );
      },
    });
    await expect(aRun([share]).execute()).resolves.toBe('succeeded');
    const lost = () => Promise.reject(leaseLost('operation op_1'));
    await expect(aRun([share], lost).execute()).rejects.toMatchObject({ code: 'lease-lost' });
  });
});
