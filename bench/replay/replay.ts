import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RecordedRequest } from './recording.js';

/** Starts a floor that replays `requests` on `databaseUrl` over so many connections; resolves when it listens. */
export async function startReplay(
  databaseUrl: string,
  connections: number,
  requests: readonly RecordedRequest[],
): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'boxyard-replay-'));
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  const child = spawn(
    process.execPath,
    ['dist/bench/replay/replay-server.js', databaseUrl, String(connections), file],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [url] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the floor ended before it listened'))),
  ])) as [string];
  return {
    url,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
