/** What is kept of bulk exports goes, whatever fails in between, and one export does not hold up the others. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '#platform';
import { sql } from '#postgres';
import { startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { jobIdOf, JobClient, type Manifest } from './jobs.fixture.js';

const dataDir = mkdtempSync(path.join(tmpdir(), 'removal-'));
let plane: TestPlane;
let project: TestProject;
let client: JobClient;

beforeAll(async () => {
  plane = await aDataPlane({ dataDir });
  project = await plane.createProject('removal');
  client = new JobClient(plane, project);
  await client.put({ resourceType: 'Patient' });
  await client.put({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, effectiveDateTime: '2020' });
});

afterAll(async () => {
  await plane?.close();
  rmSync(dataDir, { recursive: true });
});

const storedFiles = (): string[] =>
  readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));

/** An ordinary request to a data plane that has heard of nothing yet. */
async function usedElsewhere(until_: () => Promise<boolean>): Promise<void> {
  const config = { ...plane.config, databaseUrl: plane.controlUrl };
  const other = await startDataPlane(config, createLogger(config, 'data-plane'));
  try {
    const { status } = await fetch(`${other.url}${project.path}fhir/R4/Patient`, {
      headers: { authorization: `Bearer ${await plane.token(project)}` },
    });
    expect(status).toBe(200);
    await until(until_);
  } finally {
    await other.close();
  }
}

const isEmpty = async () => (await client.jobs()).length === 0 && storedFiles().length === 0;

test('what has expired goes once somebody uses the project, in a process that has never heard of it', async () => {
  const started = await client.start('$export?_type=Patient');
  const batch = await client.start('', { resourceType: 'Bundle', type: 'batch' });
  for (const followed of [started, batch]) expect((await client.ended(followed)).status).toBe(200);
  expect(storedFiles()).toHaveLength(1);
  await client.inDatabase((connection) => connection.query(sql`UPDATE async_job SET expires_at = clock_timestamp()`));
  await usedElsewhere(isEmpty);
});

test('a cancelled export whose files cannot be removed is gone for everybody, and its files go later', async () => {
  const started = await client.start('$export?_type=Patient');
  expect((await client.ended(started)).status).toBe(200);
  const [file = ''] = storedFiles();
  renameSync(file, `${file}.aside`);
  mkdirSync(path.join(file, 'in-the-way'), { recursive: true });
  expect((await client.send('DELETE', started)).status).toBe(202);
  expect((await client.get(started)).status).toBe(404);
  expect((await client.send('DELETE', started)).status).toBe(404);
  expect((await client.jobs()).map(({ state }) => state)).toEqual(['removed']);

  rmdirSync(path.join(file, 'in-the-way'));
  rmdirSync(file);
  renameSync(`${file}.aside`, file);
  await usedElsewhere(isEmpty);
});

test('an export makes room after each file for one that waits, and goes on where it was', async () => {
  const filter = `_typeFilter=${encodeURIComponent('Observation?date=ge2000')}`;
  const [first, second] = await client.inDatabase((connection) =>
    connection.transaction(async (transaction) => {
      await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
      const long = await client.start(`$export?_type=Observation,Patient&${filter}`);
      await until(async () => (await client.jobs()).some(({ state }) => state === 'active'));
      return [long, await client.start('$export?_type=Patient')];
    }),
  );
  const typesOf = async (followed: string) => {
    const manifest = JSON.parse((await client.ended(followed)).text) as Manifest;
    await client.linesOf(manifest);
    return manifest.output.map(({ type, count }) => [type, count]);
  };
  expect(await typesOf(first)).toEqual([
    ['Observation', 1],
    ['Patient', 1],
  ]);
  expect(await typesOf(second)).toEqual([['Patient', 1]]);
  // The first one was begun twice.
  const fences = (await client.jobs()).map(({ id, fence }) => [id, fence]);
  expect(fences).toEqual(
    expect.arrayContaining([
      [jobIdOf(first), '2'],
      [jobIdOf(second), '1'],
    ]),
  );
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo());) if (Date.now() > end) throw new Error('it never was so');
}
