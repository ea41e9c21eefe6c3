import { startEmbeddedPostgres, type EmbeddedPostgres } from '#postgres';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

declare global {
  // Setup and teardown share nothing else: Jest loads each of them by itself.
  var boxyardTestServer: { dataDir: string; server: EmbeddedPostgres } | undefined;
}

/**
 * Starts one PostgreSQL for the whole run, in a temporary folder and without fsync; each test file makes databases of
 * its own there (`aDatabase`).
 */
export default async function setUp(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-test-'));
  // PostgreSQL does not run as root, and the user that it runs as must be able to reach its files.
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir,
    log: { info: () => undefined, warn: () => undefined },
    settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_wal_size: '1GB' },
  });
  process.env['BOXYARD_TEST_POSTGRES'] = server.url;
  globalThis.boxyardTestServer = { dataDir, server };
}
