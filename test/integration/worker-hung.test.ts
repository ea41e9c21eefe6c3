/** One operation that hangs, on the only worker that there is. */
import type { Operation } from '#control-database';
import type { StepEvent } from '../../apps/worker/src/lifecycle/operation-run.js';
import { WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
});

afterEach(async () => {
  hung.goesOn();
  await bench.stopWorkers();
});

afterAll(() => bench.close());

/** Where an operation hangs until the test lets it go on. */
class Hung {
  begin!: () => void;
  goesOn!: () => void;
  readonly hasBegun = new Promise<void>((resolve) => (this.begin = resolve));
  private readonly ended = new Promise<void>((resolve) => (this.goesOn = resolve));

  hang(): Promise<void> {
    this.begin();
    return this.ended;
  }
}

let hung = new Hung();

/** A worker on which the operation hangs in its first step. */
async function aWorkerThatHangsIn(operationId: string, onStep: (event: StepEvent) => void = () => undefined) {
  hung = new Hung();
  await bench.startWorker({
    sparesPerCluster: 2,
    onStep: async (event) => {
      if (event.operationId === operationId && event.at === 'starting') await hung.hang();
      onStep(event);
    },
  });
  await hung.hasBegun;
}

const withinMs = 30_000;

describe('an operation that hangs', () => {
  test('does not keep another one from its next attempt', async () => {
    const hanging = await bench.createProject({ wake: false });
    const failing = { operationId: '', times: 1 };
    await aWorkerThatHangsIn(hanging.operationId, ({ operationId, at }) => {
      if (operationId === failing.operationId && at === 'performed' && failing.times-- > 0) throw new Error('once');
    });
    const { operationId } = await bench.createProject({ wake: false });
    failing.operationId = operationId;
    const end = await bench.until('the other one has succeeded', () => succeeded(operationId), withinMs);
    expect(end).toMatchObject({ attempt: 2 });
    expect((await bench.operations.get(hanging.operationId)).state).toBe('running');
  });

  test('does not keep the worker from taking over after one that died', async () => {
    const hanging = await bench.createProject({ wake: false });
    const { operationId } = await bench.createProject({ wake: false });
    const leaseMs = 600_000;
    await bench.operations.claim(operationId, 'a worker that dies', leaseMs);
    await aWorkerThatHangsIn(hanging.operationId);
    await bench.dataSource.query(`UPDATE operation SET lease_expires_at = now() - interval '1 s' WHERE id = $1`, [
      operationId,
    ]);
    expect(await bench.until('it is taken over', () => succeeded(operationId), withinMs)).toMatchObject({ attempt: 2 });
  });

  test('does not keep the stock of spares empty', async () => {
    const hanging = await bench.createProject({ wake: false });
    await aWorkerThatHangsIn(hanging.operationId);
    await bench.until('there is a stock', hasSpares, withinMs);
    for (let count = 0; count < 2; count++) await bench.anActiveProject();
    await bench.until('the stock is made good', hasSpares, withinMs);
  });
});

async function succeeded(operationId: string): Promise<Operation | undefined> {
  const operation = await bench.operations.get(operationId);
  return operation.state === 'succeeded' ? operation : undefined;
}

async function hasSpares(): Promise<true | undefined> {
  return (await bench.tenantDatabases.listByState('spare')).length >= 2 ? true : undefined;
}
