/** Rollouts that cannot get into a database: it is gone, its server is away, or its project has left. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dropDatabase, type EmbeddedPostgres, startEmbeddedPostgres } from '#postgres';
import { freePort } from '#testing';
import { RolloutFleet, stepsWith } from './rollout-fleet.fixture.js';
import { filling, first } from './rollout-migrations.fixture.js';

const filled = filling(25);

let fleet: RolloutFleet;

describe('a project that is purged', () => {
  beforeEach(async () => {
    fleet = await RolloutFleet.open(3);
  });
  afterEach(() => fleet.close());

  const drop = (slug: string) => dropDatabase(fleet.admin, fleet.project(slug).databaseName);
  const markDeleted = async (slug: string) => {
    const { id } = fleet.project(slug);
    await fleet.dataSource.query(`UPDATE tenant_database SET state = 'dropped' WHERE project_id = $1`, [id]);
    await fleet.dataSource.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [id]);
  };
  const rowOf = async (slug: string) => {
    const [row] = await fleet.dataSource.query<{ state: string; skip_reason: string | null; attempts: number }[]>(
      'SELECT state, skip_reason, attempts FROM rollout_project WHERE project_id = $1',
      [fleet.project(slug).id],
    );
    return row;
  };

  test('when its turn has come leaves the rollout, which goes on', async () => {
    await fleet.startWorker(await stepsWith([filled]), {
      onMoment: async ({ at, projectId }) => {
        if (at !== 'begun' || projectId !== fleet.project('p0').id) return;
        await drop('p0');
        await markDeleted('p0');
      },
    });
    await fleet.reached(await fleet.start(first, { waves: [] }), 'succeeded');
    expect(await rowOf('p0')).toEqual({ state: 'skipped', skip_reason: 'The project is deleted.', attempts: 0 });
  });

  test('when its backfill begins leaves the rollout, which goes on', async () => {
    let purged: string | undefined;
    await fleet.startWorker(await stepsWith([filled]), {
      onMoment: async ({ at, projectId, rolloutId }) => {
        if (at !== 'batch' || purged !== undefined) return;
        purged = fleet.projects.find(({ id }) => id !== projectId)!.slug;
        await fleet.until('all are migrated', async () =>
          (await fleet.counts(rolloutId))['done'] === 3 ? true : undefined,
        );
        await drop(purged);
      },
    });
    const id = await fleet.start(first, { waves: [], attempts: 1 });
    const waiting = await fleet.until('it is put off', async () => {
      const row = purged === undefined ? undefined : (await fleet.rows(id))[purged];
      return row?.waitsFor === 'retry' ? row : undefined;
    });
    expect(waiting).toMatchObject({ state: 'done', backfill: 'pending', error: { code: '3D000' } });
    await markDeleted(purged!);
    await fleet.reached(id, 'succeeded');
  });

  test('while it is asked whether it answers is not asked any more', async () => {
    const asked: (string | string[] | undefined)[] = [];
    const dataPlane = createServer((request, response) => {
      asked.push(request.headers['x-project']);
      void fleet.dataSource.query(`UPDATE project SET state = 'suspended'`).then(() => {
        response.statusCode = 403;
        response.end();
      });
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => dataPlane.once('listening', resolve));
      const { port } = dataPlane.address() as AddressInfo;
      await fleet.startWorker(await stepsWith([filled]), { publicDataUrl: `http://127.0.0.1:${port}` });
      const health = { windowMs: 0, minRequests: 1, smokeProjects: 1 };
      const id = await fleet.start(first, { waves: [], health });
      await fleet.reached(id, 'succeeded');
      expect(asked.length).toBeGreaterThan(0);
      expect(await fleet.waves(id)).toMatchObject([{ health: { smoke: { asked: 0, failed: [] }, exceeded: [] } }]);
    } finally {
      dataPlane.close();
    }
  });
});

describe('a server of tenant databases that is away while the control database is there', () => {
  let dataDir: string;
  let port: number;
  let server: EmbeddedPostgres;

  const start = async (): Promise<void> => {
    server = await startEmbeddedPostgres({ dataDir, port, log: { info: () => undefined, warn: () => undefined } });
  };

  beforeAll(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-rollout-server-'));
    chmodSync(dataDir, 0o755);
    port = await freePort();
    await start();
    fleet = await RolloutFleet.open(3, server.url);
  }, 60_000);

  afterAll(async () => {
    await fleet?.closeAfterCrash();
    await fleet?.control.drop();
    await server?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  afterEach(() => fleet.stopWorkers());

  const waitingForServer = (id: string, wanted: string) =>
    fleet.until('it waits for the server', async () => {
      const rows = Object.values(await fleet.rows(id));
      return rows.find(({ state, waitsFor }) => state === wanted && waitsFor === 'server');
    });

  test('is waited for, which is no try, also with the backfills', async () => {
    await server.stop();
    let isCut = false;
    await fleet.startWorker(await stepsWith([filled]), {
      onMoment: async ({ at }) => {
        if (at !== 'batch' || isCut) return;
        isCut = true;
        await server.stop();
      },
    });
    // The connection that is cut is a try of the backfill; those that are refused are none.
    const id = await fleet.start(first, { waves: [], attempts: 2 });
    const waiting = await waitingForServer(id, 'pending');
    expect(waiting).toMatchObject({ attempts: 0, error: { code: 'connection' } });
    expect(waiting.dueAt!.getTime() - Date.now()).toBeLessThan(5_000);
    expect((await fleet.get(id)).state).toBe('running');
    await start();

    await fleet.until('the server is away again', async () => (isCut ? true : undefined));
    const filling = await waitingForServer(id, 'done');
    expect(filling).toMatchObject({ backfill: 'pending', error: { code: 'connection' } });
    expect((await fleet.get(id)).state).toBe('running');
    await start();
    await fleet.reached(id, 'succeeded');
    for (const row of Object.values(await fleet.rows(id))) {
      expect(row).toMatchObject({ state: 'done', backfill: 'done', error: null });
    }
  }, 60_000);
});
