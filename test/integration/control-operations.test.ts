/** Operations as they are read and followed. */
import { OperationRepository } from '#control-database';
import { aControlPlane, aProvisioningProject, aSlug, type ControlPlane, until } from './control-plane.fixture.js';
import { follow } from './event-stream.fixture.js';

let plane: ControlPlane;
let token: string;
beforeAll(async () => {
  plane = await aControlPlane();
  token = (await plane.operator('platform-admin')).token;
});
afterAll(async () => {
  await plane.stop();
});

describe('operations', () => {
  test('are read with their steps, without their parameters', async () => {
    const { operation } = await aProvisioningProject(plane);
    const operations = new OperationRepository(plane.dataSource);
    const steps = { 'project.create': ['reserve', 'seed'] };
    const { fence } = (await operations.claim(operation.id, 'w', 10_000, steps))!;
    await operations.recordStep(operation.id, fence, 'reserve', 'done');
    await operations.recordStep(operation.id, fence, 'seed', 'running');
    const { body } = await plane.send('GET', `/operations/${operation.id}`);
    expect(body).toMatchObject({
      id: operation.id,
      kind: 'project.create',
      project: operation.project,
      state: 'running',
      attempt: 1,
      steps: [
        { name: 'reserve', state: 'done', ms: expect.any(Number) },
        { name: 'seed', state: 'running', ms: null },
      ],
      error: null,
    });
    expect(JSON.stringify(body)).not.toMatch(/secretSha256|adminClient|params/);
  });

  test('that do not exist are 404, whatever the id looks like', async () => {
    for (const id of ['op_00000000000000000000000000', 'op_1', '%00', "'", 'x'.repeat(400)]) {
      for (const route of [`/operations/${id}`, `/operations/${id}/events`]) {
        const { status, body, headers } = await plane.send('GET', route);
        expect({ status, code: body.code }).toEqual({ status: 404, code: 'operation-not-found' });
        expect(headers.get('content-type')).toContain('application/problem+json');
      }
    }
  });
});

interface OperationState {
  state: string;
  steps: { name: string; state: string }[];
}

const followOperation = (id: string, headers: Record<string, string> = {}) =>
  follow<OperationState>(`${plane.url}/control/v1/operations/${id}/events`, {
    authorization: `Bearer ${token}`,
    ...headers,
  });

describe('the event stream of an operation', () => {
  test('begins with the current state, tells each change, and ends with the operation', async () => {
    const { operation } = await aProvisioningProject(plane);
    const { response, events, closed } = await followOperation(operation.id);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    await until(() => events.length === 1);
    expect(events[0]).toMatchObject({ event: 'operation', data: { id: operation.id, state: 'queued' } });
    const operations = new OperationRepository(plane.dataSource);
    const { fence } = (await operations.claim(operation.id, 'w', 10_000))!;
    await until(() => events.at(-1)!.data.state === 'running');
    await operations.recordStep(operation.id, fence, 'seed', 'running');
    await until(() => events.at(-1)!.data.steps[0]?.state === 'running');
    await operations.finish(operation.id, fence, 'failed', { code: 'seed-failed', message: 'It did not work.' });
    await closed;
    expect(events.map(({ data }) => data.state)).toEqual(['queued', 'running', 'running', 'failed']);
    expect(JSON.stringify(events)).not.toMatch(/secretSha256|clientSecret/);
  });

  test('of a finished operation is one event', async () => {
    const { operation } = await aProvisioningProject(plane);
    await plane.build(operation.id);
    const { events, closed } = await followOperation(operation.id);
    await closed;
    expect(events.map(({ data }) => data.state)).toEqual(['succeeded']);
  });

  test('needs a caller', async () => {
    const { operation } = await aProvisioningProject(plane);
    const { response, closed } = await followOperation(operation.id, { authorization: 'Bearer nonsense' });
    await closed;
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });

  test('a follower that goes away leaves nothing behind, and many may follow', async () => {
    const { operation } = await aProvisioningProject(plane);
    const followers = await Promise.all(Array.from({ length: 10 }, () => followOperation(operation.id)));
    for (const { abort, closed } of followers.slice(1)) {
      abort.abort();
      await closed.catch(() => undefined);
    }
    await plane.build(operation.id);
    await followers[0]!.closed;
    expect(followers[0]!.events.at(-1)!.data.state).toBe('succeeded');
    expect(plane.log()).not.toMatch(/"level":50/);
  });

  test('and a waiting creation do not hold up the stop of the process', async () => {
    const stopping = await aControlPlane();
    const body = { slug: aSlug(), name: 'Quay', fhirVersion: '4.0.1' };
    const waiting = stopping.send('POST', '/projects', { body, headers: { prefer: 'wait=60' } });
    let operationId: string | undefined;
    await until(async () => {
      const rows = await stopping.dataSource.query<{ id: string }[]>('SELECT id FROM operation');
      operationId = rows[0]?.id;
      return operationId !== undefined;
    });
    const stream = await fetch(`${stopping.url}/control/v1/operations/${operationId}/events`, {
      headers: { authorization: `Bearer ${(await stopping.operator('auditor')).token}` },
    });
    const start = performance.now();
    const stopped = stopping.stop();
    expect((await waiting).status).toBe(202);
    await stream.text();
    await stopped;
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
