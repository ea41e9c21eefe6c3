import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '#testing';

/** A data plane that is watched: everything that it writes is kept. */
export interface WatchedDataPlane {
  readonly url: string;
  /** All lines of its log so far. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Starts the built data plane below `root` (this project, or a copy of it) with the environment of a running platform,
 * its log at the most talkative level, and waits until it is ready.
 */
export async function watchDataPlane(env: NodeJS.ProcessEnv, root = '.'): Promise<WatchedDataPlane> {
  const port = await freePort();
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, 'dist/apps/data-plane/src/main.js')], {
    env: { ...env, DATA_PORT: String(port), LOG_LEVEL: 'trace' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const log = () => Buffer.concat(chunks).toString();
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/readyz`, child, log);
  return {
    url,
    log,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function untilReady(url: string, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`The data plane did not start:\n${log()}`);
    }
    const ready = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
