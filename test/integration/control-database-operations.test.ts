/** The operations of projects: who works on one, what it may record, and how it ends. */
import { SealedSecretRepository, SigningKeyRepository } from '#control-database';
import { newId, uuidv7 } from '#platform';
import { TestControlDatabase } from './control-database.fixture.js';

let control: TestControlDatabase;
beforeAll(async () => {
  control = await TestControlDatabase.open();
});
afterAll(() => control.close());

describe('operations', () => {
  test('one worker of many gets an operation, under a fence that rises with each claim', async () => {
    const { operation } = await control.aProvisioningProject();
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, worker) => control.operations.claim(operation.id, `worker-${worker}`, 30_000)),
    );
    const won = claims.filter((claim) => claim !== undefined);
    expect(won).toHaveLength(1);
    await control.endLease(operation);
    const next = await control.claimed(operation);
    expect(BigInt(next.fence)).toBeGreaterThan(BigInt(won[0]!.fence));
    expect(next.attempt).toBe(2);
  });

  test('a project has one unfinished operation; the refusal of a second names the first', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const second = { id: newId('op'), kind: 'project.delete', projectId: id, params: {}, createdBy: 'operator:test' };
    await expect(control.operations.create(second)).rejects.toMatchObject({
      code: 'operation-in-progress',
      details: { operation: operation.id },
    });
    const { fence } = await control.claimed(operation);
    await control.operations.finish(operation.id, fence, 'succeeded');
    expect((await control.operations.create(second)).state).toBe('queued');
  });

  test('a worker that lost its lease can record nothing more', async () => {
    const { operation } = await control.aProvisioningProject();
    const { fence } = await control.claimed(operation);
    await control.endLease(operation);
    await control.claimed(operation);
    const lost = { code: 'lease-lost' };
    await expect(control.operations.recordStep(operation.id, fence, 'a', 'done')).rejects.toMatchObject(lost);
    await expect(control.operations.renewLease(operation.id, fence, 1000)).rejects.toMatchObject(lost);
    await expect(control.operations.finish(operation.id, fence, 'succeeded')).rejects.toMatchObject(lost);
    await expect(control.operations.succeedWith(operation.id, fence, 'a')).rejects.toMatchObject(lost);
    await expect(
      control.operations.retryLater(operation.id, fence, 1, { code: 'x', message: 'x' }),
    ).rejects.toMatchObject(lost);
    expect(await control.operations.listSteps(operation.id)).toEqual([]);
  });

  test('steps keep their order and their times over planning, running and repeating', async () => {
    const { operation } = await control.aProvisioningProject();
    const planned = { 'project.create': ['reserve', 'seed'], 'project.purge': ['check'] };
    const { fence } = (await control.operations.claim(operation.id, 'worker-1', 30_000, planned))!;
    expect((await control.operations.listSteps(operation.id)).map(({ name, state }) => [name, state])).toEqual([
      ['reserve', 'pending'],
      ['seed', 'pending'],
    ]);
    await control.operations.recordStep(operation.id, fence, 'reserve', 'running');
    await control.operations.recordStep(operation.id, fence, 'reserve', 'done');
    await control.operations.recordStep(operation.id, fence, 'seed', 'failed', 'the database does not answer');
    await control.operations.recordStep(operation.id, fence, 'verify', 'done');
    await control.endLease(operation);
    const again = (await control.operations.claim(operation.id, 'worker-2', 30_000, planned))!;
    const { operation: shown, steps } = await control.operations.getWithSteps(operation.id);
    expect(steps).toEqual(await control.operations.listSteps(operation.id));
    expect(shown).toEqual(await control.operations.get(operation.id));
    expect(again).toEqual({ ...shown, project: expect.objectContaining({ id: operation.projectId, labels: {} }) });
    expect(steps.map(({ position, name, state, error }) => [position, name, state, error])).toEqual([
      [1, 'reserve', 'done', null],
      [2, 'seed', 'failed', 'the database does not answer'],
      [3, 'verify', 'done', null],
    ]);
    const [reserve, seed] = steps;
    expect(seed!.startedAt).toEqual(reserve!.finishedAt);
    expect(reserve!.finishedAt!.getTime()).toBeGreaterThanOrEqual(reserve!.startedAt!.getTime());
  });

  test('an operation is runnable when queued, when its pause is over, and when its lease has run out', async () => {
    const { operation } = await control.aProvisioningProject();
    const isRunnable = async () => (await control.operations.listRunnable(1_000)).includes(operation.id);
    expect(await isRunnable()).toBe(true);
    const { fence } = await control.claimed(operation);
    expect(await isRunnable()).toBe(false);
    await control.operations.retryLater(operation.id, fence, 60_000, { code: 'x', message: 'x' });
    expect(await isRunnable()).toBe(false);
    expect(await control.operations.claim(operation.id, 'worker-1', 1)).toBeUndefined();
    await control.dataSource.query('UPDATE operation SET next_attempt_at = now() WHERE id = $1', [operation.id]);
    expect(await isRunnable()).toBe(true);
    await control.claimed(operation);
    await control.endLease(operation);
    expect(await isRunnable()).toBe(true);
  });

  test('a secret is claimed once, by its creator, before it expires', async () => {
    const secrets = new SealedSecretRepository(control.dataSource);
    const now = new Date();
    const secret = (kind: string, expiresInMs: number) => ({
      id: uuidv7(),
      kind,
      sealed: Buffer.from(kind),
      claimableBy: 'operator:ana',
      expiresAt: new Date(now.getTime() + expiresInMs),
    });
    const id = uuidv7();
    const operationId = newId('op');
    await control.projects.createProvisioning({
      project: { id, slug: `secret-${id}`, name: 'Secret', fhirVersion: '4.0.1', createdBy: 'operator:test' },
      baseUrl: { kind: 'slug', name: `secret-${id}` },
      operation: { id: operationId, kind: 'project.create', params: {}, createdBy: 'operator:test' },
      sealedSecrets: [secret('admin-client', 1_000), secret('late', -1)],
    });
    expect(await secrets.claim(operationId, 'operator:eve', { now })).toEqual([]);
    const claims = await Promise.all([1, 2, 3].map(() => secrets.claim(operationId, 'operator:ana', { now })));
    expect(claims.flat().map(({ kind }) => kind)).toEqual(['admin-client']);
    await secrets.deleteExpired(now);
    expect(
      await control.dataSource.query('SELECT 1 FROM sealed_secret WHERE operation_id = $1', [operationId]),
    ).toEqual([]);
  });
});

describe('the last step', () => {
  test('is recorded and ends the operation in one statement', async () => {
    const { operation } = await control.aProvisioningProject();
    const { fence } = await control.claimed(operation);
    await control.operations.succeedWith(operation.id, fence, 'publish');
    const ended = await control.operations.getWithSteps(operation.id);
    expect(ended.operation).toMatchObject({ state: 'succeeded', leaseOwner: null, leaseExpiresAt: null });
    expect(ended.operation.finishedAt).toBeInstanceOf(Date);
    expect(ended.steps.map(({ name, state }) => [name, state])).toEqual([['publish', 'done']]);
  });

  test('that puts a project into service twice leaves it with one signing key', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const { fence } = await control.claimed(operation);
    const key = (kid: string) => ({ kid, projectId: id, publicJwk: { kid }, privateSealed: Buffer.from('sealed') });
    await control.projects.activate(id, { fence, signingKey: key(`first-${id}`) });
    await control.projects.activate(id, { fence, signingKey: key(`second-${id}`) });
    const keys = await new SigningKeyRepository(control.dataSource).listOfProject(id);
    expect(keys.map(({ kid, state, publicJwk }) => [kid, state, publicJwk])).toEqual([
      [`first-${id}`, 'signing', { kid: `first-${id}` }],
    ]);
  });

  test('of a worker that has lost its lease gives the project neither state nor key', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const { fence } = await control.claimed(operation);
    await control.endLease(operation);
    await control.claimed(operation);
    const signingKey = { kid: `late-${id}`, projectId: id, publicJwk: {}, privateSealed: Buffer.alloc(1) };
    await expect(control.projects.activate(id, { fence, signingKey })).rejects.toMatchObject({ code: 'lease-lost' });
    expect((await control.projects.get(id)).state).toBe('provisioning');
    expect(await new SigningKeyRepository(control.dataSource).listOfProject(id)).toEqual([]);
  });
});
