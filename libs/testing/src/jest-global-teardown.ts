import { rmSync } from 'node:fs';

/** Stops what jest-global-setup has started, and removes its files. */
export default async function tearDown(): Promise<void> {
  const running = globalThis.boxyardTestServer;
  if (running === undefined) return;
  await running.server.stop();
  rmSync(running.dataDir, { recursive: true, force: true });
}
