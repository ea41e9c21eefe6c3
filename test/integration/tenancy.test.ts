import { randomBytes, randomUUID } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { type DirectoryEntry, openControlDatabase, OperationRepository, ProjectRepository } from '#control-database';
import { type Config, createLogger, newId, systemClock, uuidv7 } from '#platform';
import { compiledSql, connectOnce } from '#postgres';
import { followAnnouncements, projectDirectorySource, TenantDirectory } from '#tenancy';
import { aDatabase, describeWithRedis, freePort, type RedisServer, startRedis, type TestDatabase } from '#testing';
import { ProjectAnnouncements } from '../../apps/control-plane/src/projects/project-announcements.js';

const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test');

let database: TestDatabase;
let dataSource: DataSource;
let projects: ProjectRepository;

beforeAll(async () => {
  database = await aDatabase();
  dataSource = await openControlDatabase({ databaseUrl: database.url }, { migrate: true });
  projects = new ProjectRepository(dataSource);
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

const openDirectory = (): Promise<TenantDirectory> =>
  TenantDirectory.open({ source: projectDirectorySource(projects, () => true), clock: systemClock, logger });

let slugs = 0;
async function aProject(): Promise<{ id: string; slug: string; fence: string }> {
  const [id, slug] = [uuidv7(), `project-${++slugs}`];
  const { operation } = await projects.createProvisioning({
    project: { id, slug, name: slug, fhirVersion: '4.0.1', createdBy: 'operator:test' },
    baseUrl: { kind: 'slug', name: slug },
    operation: { id: newId('op'), kind: 'project.create', params: {}, createdBy: 'operator:test' },
  });
  const claimed = await new OperationRepository(dataSource).claim(operation.id, 'test', 600_000);
  if (claimed === undefined) throw new Error('the operation cannot be claimed');
  return { id, slug, fence: claimed.fence };
}

/** Milliseconds until `condition` holds; fails after half a minute. */
async function until(condition: () => boolean): Promise<number> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > 30_000) throw new Error('nothing changed within half a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - started;
}

/**
 * The least of some times until the directory knows of a change. Each change comes right after a question, so that without
 * an announcement it would be known a second later; a busy machine makes some of the times longer.
 */
async function hearingMs(directory: TenantDirectory, { id, slug, fence }: Awaited<ReturnType<typeof aProject>>) {
  const times: number[] = [];
  for (const state of ['suspended', 'active', 'suspended', 'active', 'suspended'] as const) {
    await directory.refresh();
    await projects.setState(id, state, { fence });
    times.push(await until(() => directory.findBySlug(slug)?.state === state));
  }
  return Math.min(...times);
}

describe('the directory of a running data plane', () => {
  test('has every project from the start, those that are being built as well', async () => {
    const project = await aProject();
    const directory = await openDirectory();
    expect(directory.findBySlug(project.slug)).toMatchObject({ projectId: project.id, state: 'provisioning' });
    await directory.close();
  });

  test('hears of changes long before it would ask', async () => {
    const project = await aProject();
    const directory = await openDirectory();
    const announcements = await followAnnouncements(directory, { databaseUrl: database.url, logger });
    await projects.activate(project.id, { fence: project.fence });
    expect(await hearingMs(directory, project)).toBeLessThan(500);
    await announcements.close();
    await directory.close();
  });

  test('finds out by itself when nobody tells it', async () => {
    const project = await aProject();
    const directory = await openDirectory();
    await projects.activate(project.id, { fence: project.fence });
    await projects.setState(project.id, 'suspended', { fence: project.fence });
    await until(() => directory.findBySlug(project.slug)?.state === 'suspended');
    await directory.close();
  });

  test('misses nothing that commits late', async () => {
    const project = await aProject();
    const directory = await openDirectory();
    const slow = dataSource.createQueryRunner();
    await slow.startTransaction();
    await slow.query(`UPDATE project SET name = 'late' WHERE id = $1`, [project.id]);
    const other = await aProject();
    await directory.refresh();
    expect(directory.findBySlug(other.slug)).toBeDefined();
    await slow.commitTransaction();
    await slow.release();
    await directory.refresh();
    expect(directory.findBySlug(project.slug)?.name).toBe('late');
    await directory.close();
  });

  test('reads everything again after it has lost its connection', async () => {
    const project = await aProject();
    const directory = await openDirectory();
    const announcements = await followAnnouncements(directory, { databaseUrl: database.url, logger });
    const admin = await connectOnce(database.url);
    await admin.query(
      compiledSql({
        text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN %' AND datname = current_database()`,
        values: [],
      }),
    );
    await admin.close();
    await projects.activate(project.id, { fence: project.fence });
    await until(() => directory.findBySlug(project.slug)?.state === 'active');
    await announcements.close();
    await directory.close();
  });

  test('forgets a deleted project with all its names', async () => {
    const project = await aProject();
    const directory = await openDirectory();
    await projects.markDeleted(project.id, { fence: project.fence, namesFreeAfter: new Date() });
    await directory.refresh();
    expect([directory.findBySlug(project.slug), directory.findById(project.id)]).toEqual([undefined, undefined]);
    await directory.close();
  });
});

function urlOf(server: RedisServer | undefined): string {
  if (server === undefined) throw new Error('redis-server was not started');
  return server.url;
}

describeWithRedis('with Redis', () => {
  let server: RedisServer | undefined;
  const closers: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server?.stop());

  test('a data plane starts while it is away, and hears of changes there as soon as it is back', async () => {
    const port = await freePort();
    const redisUrl = `redis://127.0.0.1:${port}`;
    const publisher = new ProjectAnnouncements({ databaseUrl: database.url, redisUrl } as Config, logger);
    await publisher.onModuleInit();
    closers.push(() => publisher.onModuleDestroy());
    const directory = await openDirectory();
    closers.push(() => directory.close());
    // Listening on another database than the projects', so that only Redis can tell.
    const elsewhere = await aDatabase();
    closers.push(() => elsewhere.drop());
    const announcements = await followAnnouncements(directory, { databaseUrl: elsewhere.url, redisUrl, logger });
    closers.push(() => announcements.close());

    const target = new URL(urlOf(server));
    const [observer, other, heard] = [new Redis(target.href), new Redis(target.href), [] as string[]];
    closers.push(() => [observer, other].forEach((each) => each.disconnect()));
    other.on('message', (_, message: string) => heard.push(message));
    await other.subscribe('boxyard:project');
    const back = createServer((client) => {
      const there = connect(Number(target.port), target.hostname);
      client
        .on('error', () => there.destroy())
        .pipe(there.on('error', () => client.destroy()))
        .pipe(client);
    }).listen(port, '127.0.0.1');
    closers.push(() => back.close());
    const isListenedTo = async () => (await observer.pubsub('NUMSUB', 'boxyard:project'))[1] === 2;
    while (!(await isListenedTo()) || heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));

    const project = await aProject();
    await until(() => directory.findBySlug(project.slug)?.state === 'provisioning');
    await projects.activate(project.id, { fence: project.fence });
    expect(await hearingMs(directory, project)).toBeLessThan(500);
  });
});

test('ten thousand idle projects take less than 4 KiB of memory each, and unknown names none', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const count = 10_000;
  const lasting = { supersededAt: null, endsAt: null };
  const entry = (index: number): DirectoryEntry => ({
    projectId: uuidv7(),
    slug: `clinic-of-the-north-${index}`,
    name: `Clinic of the North ${index}`,
    state: 'active',
    reason: null,
    maintenanceMode: null,
    fhirVersion: '4.0.1',
    purgeAfter: null,
    baseUrls: [{ kind: 'slug', name: `clinic-of-the-north-${index}`, canonical: true, active: true, ...lasting }],
    dataKeyWrapped: randomBytes(61),
    placement: {
      generation: 1,
      clusterId: 'cl_01jc0000000000000000000000',
      host: '127.0.0.1',
      port: 5432,
      sslMode: 'disable',
      sslCa: null,
      tenantDatabaseId: randomUUID(),
      databaseName: `fp_${randomBytes(13).toString('hex')}`,
      roleName: `fp_${randomBytes(13).toString('hex')}`,
      schemaVersion: 1,
      passwordSealed: randomBytes(72),
      passwordKeyWrapped: randomBytes(61),
    },
    signingKeys: [
      {
        kid: uuidv7(),
        publicJwk: {
          kty: 'EC',
          crv: 'P-256',
          x: randomBytes(32).toString('base64url'),
          y: randomBytes(32).toString('base64url'),
        },
        privateSealed: randomBytes(167),
        state: 'signing',
        endsAt: null,
      },
    ],
  });
  const before = heap();
  const directory = await TenantDirectory.open({
    source: projectDirectorySource(
      {
        listDirectory: async () => ({ entries: Array.from({ length: count }, (_, index) => entry(index)), mark: '1' }),
        listDirectoryChangedSince: async () => ({ entries: [], mark: '1' }),
      },
      () => true,
    ),
    clock: systemClock,
    logger,
  });
  const loaded = heap();
  expect((loaded - before) / count).toBeLessThan(4 * 1024);
  for (let index = 0; index < 100_000; index++) {
    directory.findBySlug(`unknown-${index}`);
    void directory.catchUp();
  }
  await directory.catchUp();
  expect(heap() - loaded).toBeLessThan(2 * 1024 * 1024);
  expect(directory.size).toBe(count);
  await directory.close();
});
