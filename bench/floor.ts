import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Starts floor-server.js; resolves when it listens. `creates` statements of creates are prepared before. */
export async function startFloor(options: {
  databaseUrl: string;
  connections: number;
  creates: number;
}): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(
    process.execPath,
    ['dist/bench/floor-server.js', options.databaseUrl, String(options.connections), String(options.creates)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const [url] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the floor server ended before it listened'))),
  ])) as [string];
  return {
    url,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}
