import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Rollout } from '../api/answers.js';
import { ControlPlaneClient } from '../api/control-plane-client.js';
import { watchRollout } from './watch-rollout.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A server that answers each connection in the way of its turn, and what is shown of a rollout that is watched there. */
async function watched(...turns: ((response: ServerResponse) => void)[]) {
  const seen: string[] = [];
  const notes: string[] = [];
  const stop = new AbortController();
  const server = createServer((_, response) => turns.shift()!(response));
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const view = {
    show: ({ state }: Rollout) => {
      seen.push(state);
      if (state === 'planned') stop.abort();
    },
    note: (line: string) => void notes.push(line),
    end: () => undefined,
  };
  const last = watchRollout(new ControlPlaneClient(url, stop.signal), 'rol_1', view, stop.signal);
  return { last, seen, notes };
}

const streaming =
  (states: readonly string[], end: (response: ServerResponse) => void) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const state of states) response.write(`event: rollout\ndata: {"state":"${state}"}\n\n`);
    end(response);
  };
const close = (response: ServerResponse) => void response.end();
const stay = () => undefined;
const refusing = (status: number) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status, code: 'because', detail: 'No.' }));
};

describe('watching a rollout', () => {
  test.each(['paused', 'aborted', 'succeeded'])('ends when it is %s, also when the stream goes on', async (state) => {
    const { last, seen } = await watched(streaming(['running', state], stay));
    expect((await last).state).toBe(state);
    expect(seen).toEqual(['running', state]);
  });

  test('opens a stream again that has ended, broken, or is refused for a while, and says so once', async () => {
    const { last, seen, notes } = await watched(
      streaming(['running'], close),
      refusing(503),
      (response) => response.destroy(),
      streaming(['running', 'succeeded'], stay),
    );
    expect((await last).state).toBe('succeeded');
    expect(seen).toEqual(['running', 'running', 'succeeded']);
    expect(notes).toEqual([expect.stringContaining('Trying again'), 'connected again']);
  });

  test('opens a stream again also when it had nothing to tell for longer than it is tried', async () => {
    const real = performance.now.bind(performance);
    let quietMs = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => real() + quietMs);
    try {
      const { last } = await watched(
        streaming(['running'], (response) => {
          setTimeout(() => {
            quietMs = 30 * 60_000;
            response.destroy();
          }, 50);
        }),
        refusing(503),
        streaming(['succeeded'], stay),
      );
      expect((await last).state).toBe('succeeded');
    } finally {
      clock.mockRestore();
    }
  });

  test('ends with the first refusal when nothing was heard yet, and later with one that will not pass', async () => {
    const first = await watched(refusing(503));
    await expect(first.last).rejects.toMatchObject({ problem: { status: 503 } });
    const later = await watched(streaming(['running'], close), refusing(401));
    await expect(later.last).rejects.toMatchObject({ problem: { status: 401, code: 'because' } });
  });

  test('ends when the user wants no more of it', async () => {
    const { last } = await watched(streaming(['planned'], stay));
    await expect(last).rejects.toThrow('Nobody watches any more; the rollout goes on.');
  });
});
