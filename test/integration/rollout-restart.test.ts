import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#postgres';
import { freePort } from '#testing';
import { baseVersion, counted, RolloutFleet, type SyntheticMigration } from './rollout-fleet.fixture.js';
import { upTo } from './rollout-migrations.fixture.js';
import { endChild, lineWith } from './worker.fixture.js';

const target = baseVersion + counted.length;
const sharedServer = process.env['BOXYARD_TEST_POSTGRES'];

let dataDir: string;
let port: number;
let server: EmbeddedPostgres;
let fleet: RolloutFleet;

/** Waits for the disk as in production: what a crash may take back is part of what is tested. */
const start = async (): Promise<void> => {
  server = await startEmbeddedPostgres({ dataDir, port, log: { info: () => undefined, warn: () => undefined } });
};

beforeAll(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-rollout-restart-'));
  chmodSync(dataDir, 0o755);
  port = await freePort();
  await start();
  process.env['BOXYARD_TEST_POSTGRES'] = server.url;
  fleet = await RolloutFleet.open(4);
}, 60_000);

afterAll(async () => {
  await fleet?.closeAfterCrash();
  process.env['BOXYARD_TEST_POSTGRES'] = sharedServer;
  await server?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

/** The server ends at once, without writing anything down, as when its machine loses power. */
async function crash(): Promise<void> {
  const [pid] = readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
  process.kill(Number(pid), 'SIGQUIT');
  await server.exited;
}

test('a rollout goes on by itself when PostgreSQL has crashed, and applies nothing twice', async () => {
  const slow: SyntheticMigration[] = counted.map((each) => ({
    ...each,
    statements: [...each.statements, 'SELECT pg_sleep(0.15)'],
  }));
  const worker = fleet.spawnWorker(slow, { LEASE_MS: '1500' });
  await lineWith(worker, 'running');
  const id = await fleet.start(target, { waves: [], parallel: 1, attempts: 100 });
  for (const done of [1, 2]) {
    await fleet.until(`${done} are migrated`, async () => ((await fleet.counts(id))['done'] ?? 0) >= done || undefined);
    await crash();
    await start();
  }
  await fleet.reached(id, 'succeeded', 120_000);
  const versions = upTo(target);
  expect(await fleet.truth()).toEqual(fleet.projects.map(({ slug }) => ({ slug, versions, steps: [1, 2] })));
  expect(await fleet.counts(id)).toEqual({ done: 4 });
  expect(worker.exitCode).toBeNull();
  await endChild(worker, 'SIGKILL');
}, 300_000);
