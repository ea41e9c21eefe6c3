/** How a rollout is followed as a stream of events. */
import { RolloutsService } from '../../apps/control-plane/src/rollouts/rollouts.service.js';
import { aControlPlane, until } from './control-plane.fixture.js';
import { PaperFleet } from './control-rollouts.fixture.js';
import { follow } from './event-stream.fixture.js';
import { testMigrations } from './rollout-rows.fixture.js';

let fleet: PaperFleet;
beforeAll(async () => {
  fleet = await PaperFleet.open();
});
afterAll(() => fleet.close());
afterEach(() => fleet.reset());

interface RolloutState {
  state: string;
  counts: Record<string, number>;
}

const followRollout = (id: string, token: string) =>
  follow<RolloutState>(`${fleet.plane.url}/control/v1/rollouts/${id}/events`, { authorization: `Bearer ${token}` });

describe('the event stream of a rollout', () => {
  test('looks no more often for many who follow than for one', async () => {
    const id = await fleet.aRunningRollout();
    const { token } = await fleet.plane.operator('auditor');
    const look = jest.spyOn(RolloutsService.prototype, 'describe');
    const streams = await Promise.all(Array.from({ length: 6 }, () => followRollout(id, token)));
    await until(() => streams.every(({ events }) => events.length === 1));
    look.mockClear();
    const begun = performance.now();
    await fleet.rows.setMember(id, fleet.others[0], 'done');
    await until(() => streams.every(({ events }) => events.at(-1)!.data.counts['done'] === 1));
    await until(() => look.mock.calls.length >= 4);
    // One look may have begun just before, and one just after.
    expect(look.mock.calls.length).toBeLessThanOrEqual(2 + (performance.now() - begun) / 500);
    look.mockRestore();
    await fleet.post(`/rollouts/${id}/abort`);
    await Promise.all(streams.map(({ closed }) => closed));
  });

  test('begins with the current state, tells changes at most twice a second, and ends with the rollout', async () => {
    const id = await fleet.aRunningRollout();
    const { token } = await fleet.plane.operator('auditor');
    const { response, events, closed } = await followRollout(id, token);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    await until(() => events.length === 1);
    expect(events[0]).toMatchObject({ event: 'rollout', data: { id, state: 'running', counts: { pending: 3 } } });
    const begun = performance.now();
    for (const project of fleet.others) await fleet.rows.setMember(id, project, 'done');
    await until(() => events.at(-1)!.data.counts.done === 3);
    // Three changes at once are one event or two, when the look fell between them.
    expect(events.length).toBeLessThanOrEqual(2 + (performance.now() - begun) / 500);
    await fleet.post(`/rollouts/${id}/abort`);
    await closed;
    expect(events.at(-1)!.data.state).toBe('aborted');
  });

  test('of an ended rollout is one event, and nobody who left holds anything up', async () => {
    const id = await fleet.aRunningRollout();
    const { token } = await fleet.plane.operator('auditor');
    const followers = await Promise.all(Array.from({ length: 5 }, () => followRollout(id, token)));
    for (const { abort, closed } of followers) {
      abort.abort();
      await closed.catch(() => undefined);
    }
    await fleet.post(`/rollouts/${id}/abort`);
    const { events, closed } = await followRollout(id, token);
    await closed;
    expect(events.map(({ data }) => data.state)).toEqual(['aborted']);
    expect(fleet.plane.log()).not.toMatch(/"level":50/);
  });

  test('does not hold up the stop of the process', async () => {
    const stopping = await aControlPlane({ migrations: testMigrations });
    const { body } = await stopping.send('POST', '/rollouts', { body: { target: 3 } });
    const stream = await fetch(`${stopping.url}/control/v1/rollouts/${body.id}/events`, {
      headers: { authorization: `Bearer ${(await stopping.operator('auditor')).token}` },
    });
    const start = performance.now();
    const stopped = stopping.stop();
    await stream.text();
    await stopped;
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
