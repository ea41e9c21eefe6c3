/** Data planes that are killed, or stopped, while they carry something out for later: another one comes to the end. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '#platform';
import { sql } from '#postgres';
import { freePort } from '#testing';
import { startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { jobIdOf, JobClient, type Manifest } from './jobs.fixture.js';

const dataDir = mkdtempSync(path.join(tmpdir(), 'killed-'));
let plane: TestPlane;
let project: TestProject;
let client: JobClient;

beforeAll(async () => {
  plane = await aDataPlane({ dataDir });
  project = await plane.createProject('killed');
  client = new JobClient(plane, project);
  const entry = ['Patient', 'Observation'].flatMap((type) =>
    Array.from({ length: 40 }, (_, index) => ({
      request: { method: 'POST', url: type },
      resource:
        type === 'Patient'
          ? { resourceType: type, name: [{ family: `f${index}` }] }
          : {
              resourceType: type,
              status: 'final',
              code: { text: 'x' },
              effectiveDateTime: `2020-01-${10 + (index % 20)}`,
            },
    })),
  );
  const made = await client.send('POST', '', { resourceType: 'Bundle', type: 'transaction', entry });
  if (made.status !== 200) throw new Error(made.text);
});

afterAll(async () => {
  await plane?.close();
  rmSync(dataDir, { recursive: true });
});

interface OtherProcess {
  readonly child: ChildProcess;
  readonly client: JobClient;
}

/** A data plane of its own process over the same databases and files. */
async function aProcess(): Promise<OtherProcess> {
  const port = await freePort();
  const { masterKey } = plane.config;
  const child = spawn(process.execPath, ['dist/apps/data-plane/src/main.js'], {
    env: {
      ...process.env,
      BOXYARD_DATA_DIR: dataDir,
      DATABASE_URL: plane.controlUrl,
      BOXYARD_MASTER_KEY: masterKey?.toString('base64'),
      BASE_DOMAIN: plane.config.baseDomain,
      DATA_PORT: String(port),
      PATH_ROUTING: 'on',
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  for (let isReady = false; !isReady;) {
    if (child.exitCode !== null) throw new Error('the data plane has ended');
    isReady = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
  const elsewhere: TestPlane = {
    ...plane,
    url,
    call: async ({ path: address, method = 'GET', headers = {}, body }) => {
      const response = await fetch(url + address, { method, headers, ...(body === undefined ? {} : { body }) });
      const text = await response.text();
      const json = (): never => JSON.parse(text) as never;
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        bytes: Buffer.from(text),
        text,
        get json() {
          return json();
        },
      };
    },
    fhir: async (of, address, call = {}) =>
      elsewhere.call({
        ...call,
        path: `${of.path}fhir/${of.fhirLabel}${address === '' ? '' : '/'}${address}`,
        headers: {
          authorization: `Bearer ${await plane.token(of)}`,
          ...(call.body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
          ...call.headers,
        },
      }),
  };
  return { child, client: new JobClient(elsewhere, project) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

const storedFiles = (): string[] =>
  readdirSync(path.join(dataDir, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

/** What is noted of a job. */
async function noted(job: string): Promise<{ state: string; fence: string; files: number; isLeft: boolean }> {
  const [row] = await client.inDatabase((connection) =>
    connection.query<{ state: string; fence: string; files: number; isLeft: boolean }>(sql`
      SELECT state, fence, coalesce(jsonb_array_length(watermark -> 'files'), 0) AS files,
             lease_until <= clock_timestamp() AS "isLeft"
        FROM async_job WHERE id = ${jobIdOf(job)}`),
  );
  if (row === undefined) throw new Error(`there is no job ${job}`);
  return row;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + 30_000; !(await isSo());) {
    if (Date.now() > limit) throw new Error('it never was so');
  }
}

/** The Patients are exported, and then it is held up: the search for Observations waits for a lock. */
const halfExport = `$export?_type=Patient,Observation&_typeFilter=${encodeURIComponent('Observation?date=ge2000')}`;

describe('an export', () => {
  /** Begins it in another process, and ends that by `stop` while it is held up. */
  async function halted(stop: (other: OtherProcess, started: string) => Promise<void>): Promise<string> {
    const other = await aProcess();
    return client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
        const started = await other.client.start(halfExport);
        await until(async () => (await noted(started)).files === 1);
        await stop(other, started);
        return started;
      }),
    );
  }

  async function expectWhole(followed: string): Promise<void> {
    const answer = await client.ended(followed);
    expect(answer.status).toBe(200);
    const manifest = JSON.parse(answer.text) as Manifest;
    expect(manifest.output.map(({ type, count }) => [type, count])).toEqual([
      ['Patient', 40],
      ['Observation', 40],
    ]);
    const lines = await client.linesOf(manifest);
    expect(new Set(lines.map((line) => (JSON.parse(line) as { id: string }).id)).size).toBe(80);
    expect((await noted(followed)).fence).toBe('2');
  }

  test('of a process that is killed is taken over when its lease has run out; each resource is in it once', async () => {
    const followed = await halted(async ({ child }, started) => {
      await end(child, 'SIGKILL');
      expect(await noted(started)).toMatchObject({ state: 'active', isLeft: false });
      // Nobody takes what may still be carried out.
      expect((await client.get(started)).status).toBe(202);
      expect((await noted(started)).fence).toBe('1');
    });
    await client.expireLeases();
    await expectWhole(followed);
  }, 60_000);

  test('of a process that is stopped is given back, and taken over at once', async () => {
    let other: ChildProcess | undefined;
    const followed = await halted(async ({ child, client: { plane: there } }) => {
      other = child;
      child.kill('SIGTERM');
      // From then on it takes no requests any more.
      await until(() =>
        fetch(`${there.url}/readyz`).then(
          () => false,
          () => true,
        ),
      );
    });
    if (other?.exitCode === null) await once(other, 'exit');
    expect(await noted(followed)).toMatchObject({ state: 'accepted', files: 1, isLeft: true, fence: '1' });
    await expectWhole(followed);
  }, 60_000);

  test('of a process that slept and wakes up again is that of whoever has taken it over', async () => {
    let sleeper: ChildProcess | undefined;
    const followed = await halted(async ({ child }) => {
      child.kill('SIGSTOP');
      sleeper = child;
      await client.expireLeases();
    });
    await expectWhole(followed);
    const before = storedFiles();
    sleeper?.kill('SIGCONT');
    if (sleeper !== undefined) await end(sleeper, 'SIGTERM');
    expect(storedFiles()).toEqual(before);
    await expectWhole(followed);
  }, 60_000);

  test('that was left is taken up by a process that knows of it, although nobody asks; what has expired goes', async () => {
    const config = { ...plane.config, databaseUrl: plane.controlUrl };
    const watchful = await startDataPlane(config, createLogger(config, 'data-plane'), { lookAfterJobsEveryMs: 20 });
    try {
      const followed = await halted(async ({ child }, started) => {
        await end(child, 'SIGKILL');
        const asked = await fetch(`${watchful.url}${project.path}fhir/R4/${started}`, {
          headers: { authorization: `Bearer ${await plane.token(project)}` },
        });
        expect(asked.status).toBe(202);
      });
      await client.expireLeases();
      await until(async () => (await noted(followed)).state === 'completed');
      await client.inDatabase((connection) =>
        connection.query(sql`UPDATE async_job SET expires_at = clock_timestamp()`),
      );
      await until(async () => (await client.jobs()).length === 0 && storedFiles().length === 0);
    } finally {
      await watchful.close();
    }
  }, 60_000);
});

describe('a Bundle of a process that is killed', () => {
  const bundle = (type: string, family: string) => ({
    resourceType: 'Bundle',
    type,
    entry: [1, 2].map((day) => ({
      request: { method: 'POST', url: 'Patient' },
      resource: { resourceType: 'Patient', name: [{ family }], ...(day === 2 ? { birthDate: '2001-02-03' } : {}) },
    })),
  });
  const found = async (family: string) => (await client.get(`Patient?family=${family}&_total=accurate`)).json.total;

  /** Starts it where it cannot get past the date of its second entry, and kills that process. */
  async function cutShort(type: string, family: string): Promise<string> {
    const other = await aProcess();
    return client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
        const started = await other.client.start('', bundle(type, family));
        await until(async () => {
          const [row] = await client.inDatabase((connection) =>
            connection.query<{ waiting: boolean }>(
              sql`SELECT count(*) > 0 AS waiting FROM pg_locks WHERE NOT granted AND relation = 'resource_date'::regclass
                                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
            ),
          );
          return row?.waiting === true;
        });
        await end(other.child, 'SIGKILL');
        await client.inDatabase((connection) =>
          connection.query(sql`SELECT pg_terminate_backend(pid) FROM pg_locks
                                WHERE NOT granted AND relation = 'resource_date'::regclass
                                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`),
        );
        return started;
      }),
    );
  }

  test('is carried out once when it is a transaction', async () => {
    const followed = await cutShort('transaction', 'Onlyonce');
    expect(await found('Onlyonce')).toBe(0);
    await client.expireLeases();
    const answer = await client.ended(followed);
    expect([answer.status, answer.json.type]).toEqual([200, 'transaction-response']);
    expect(await found('Onlyonce')).toBe(2);
  }, 60_000);

  test('is not repeated when it is a batch, of which a part was done', async () => {
    const followed = await cutShort('batch', 'Halfdone');
    await client.expireLeases();
    const answer = await client.ended(followed);
    expect([answer.status, answer.json.issue[0]?.code]).toEqual([500, 'incomplete']);
    expect(await found('Halfdone')).toBe(1);
  }, 60_000);
});
