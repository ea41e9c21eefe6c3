/** The process that sends the requests of `LiveTraffic`: it is told the projects, asks them until it is told to stop. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AskedProject, Traffic } from './live-traffic.js';

/** Time between two requests of one client: 40 requests per second in all, which leaves the machine time for the rest. */
const EVERY_MS = 100;
const CLIENTS = 4;

/** Whether the request of this turn was answered as it should be. */
async function ask(projects: readonly AskedProject[], turn: number): Promise<boolean> {
  const project = projects[turn % projects.length];
  if (project === undefined) throw new Error('There is no project to ask.');
  const { url, authorization } = project;
  const isWrite = Math.floor(turn / projects.length) % 2 === 0;
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

async function send(projects: readonly AskedProject[], stopped: () => boolean): Promise<Traffic> {
  const latencies: number[] = [];
  let failed = 0;
  let next = 0;
  const client = async (): Promise<void> => {
    while (!stopped()) {
      const started = performance.now();
      if (!(await ask(projects, next++))) failed++;
      const took = performance.now() - started;
      latencies.push(took);
      await delay(Math.max(0, EVERY_MS - took));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { latencies, failed };
}

let isOver = false;
process.on('message', (message: 'stop' | AskedProject[]) => {
  if (message === 'stop') isOver = true;
  else void send(message, () => isOver).then((traffic) => process.send?.(traffic));
});
process.send?.('ready');
