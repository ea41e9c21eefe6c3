import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A project to ask, and as whom. */
export interface AskedProject {
  readonly url: string;
  readonly authorization: string;
}

/** How long each request took, in ms, and how many failed. */
export interface Traffic {
  readonly latencies: number[];
  readonly failed: number;
}

/**
 * Requests at a steady rate to several projects, in turns: searches and creates. They come from a process of their own, as
 * those of clients do: what this one is busy with does not delay them.
 */
export class LiveTraffic {
  constructor(private readonly projects: readonly AskedProject[]) {}

  /** Sends requests until `work` has ended. */
  async during(work: () => Promise<unknown>): Promise<Traffic> {
    const client = fork('./dist/bench/live-traffic-client.js', { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    try {
      const [begun] = (await told(client)) as ['ready'];
      if (begun !== 'ready') throw new Error(`The traffic has begun with ${JSON.stringify(begun)}.`);
      client.send(this.projects);
      await work();
      const answered = told(client);
      client.send('stop');
      const [traffic] = (await answered) as [Traffic];
      return traffic;
    } finally {
      client.kill();
    }
  }
}

/** The next message of the process; rejects when it ends without one. */
async function told(client: ChildProcess): Promise<unknown[]> {
  const ended = new AbortController();
  const exit = once(client, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('The process that sends the traffic has ended.');
  });
  try {
    return (await Promise.race([once(client, 'message', { signal: ended.signal }), exit])) as unknown[];
  } finally {
    ended.abort();
    exit.catch(() => undefined);
  }
}
