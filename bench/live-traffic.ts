import { setTimeout as delay } from 'node:timers/promises';

/** Time between two requests of one client: 40 requests per second in all, which leaves the machine time for the rest. */
const EVERY_MS = 100;
const CLIENTS = 4;

/** Requests at a steady rate to several projects, in turns: searches and creates. */
export class LiveTraffic {
  private next = 0;

  constructor(private readonly projects: readonly { readonly url: string; readonly authorization: string }[]) {}

  /** Sends requests until `work` has ended; gives how long each took, in ms, and how many failed. */
  async during(work: () => Promise<unknown>): Promise<{ latencies: number[]; failed: number }> {
    const latencies: number[] = [];
    let failed = 0;
    let isOver = false;
    const client = async (): Promise<void> => {
      while (!isOver) {
        const started = performance.now();
        if (!(await this.ask())) failed++;
        const took = performance.now() - started;
        latencies.push(took);
        await delay(Math.max(0, EVERY_MS - took));
      }
    };
    const clients = Array.from({ length: CLIENTS }, client);
    await work();
    isOver = true;
    await Promise.all(clients);
    return { latencies, failed };
  }

  private async ask(): Promise<boolean> {
    const turn = this.next++;
    const project = this.projects[turn % this.projects.length];
    if (project === undefined) throw new Error('There is no project to ask.');
    const { url, authorization } = project;
    const isWrite = Math.floor(turn / this.projects.length) % 2 === 0;
    const response = isWrite
      ? await fetch(url, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/fhir+json' },
          body: '{"resourceType":"Patient","active":true,"name":[{"family":"Live"}]}',
        })
      : await fetch(`${url}?name=Live&_count=5`, { headers: { authorization } });
    await response.arrayBuffer();
    return response.status === (isWrite ? 201 : 200);
  }
}
