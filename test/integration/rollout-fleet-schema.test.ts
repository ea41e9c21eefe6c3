/** What a rollout does for the fleet as a whole: the schema with which databases are born, and steps that need everybody at the one before. */
import { RolloutProjectsRepository } from '#control-database';
import { newId } from '#platform';
import type { SchemaStep } from '#tenant-schema';
import { baseVersion, counted, RolloutFleet, stepsWith } from './rollout-fleet.fixture.js';
import { constrained, contracted, first, onlyFirst, second, spoil, upTo } from './rollout-migrations.fixture.js';

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
  steps = await stepsWith(counted);
});

afterEach(() => fleet.close());

describe('the schema with which databases are born', () => {
  const target = async (): Promise<number> => {
    const [row] = await fleet.dataSource.query<{ target_version: number }[]>('SELECT target_version FROM fleet');
    return row!.target_version;
  };

  test("is the rollout's as soon as its first wave has passed", async () => {
    const whenBegun: number[] = [];
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at === 'begun') whenBegun.push(await target());
      },
    });
    await fleet.reached(await fleet.start(first, { waves: [{ percent: 50 }] }), 'succeeded');
    expect(whenBegun).toEqual([baseVersion, baseVersion, first, first]);
  });

  test('stays what it was when the canary fails, so that projects can still be made', async () => {
    steps = await stepsWith([constrained]);
    await spoil(fleet, 'p0');
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(fleet) });
    await fleet.reached(id, 'paused');
    expect(await target()).toBe(baseVersion);
    await fleet.move(id, 'paused', 'aborted');
    expect(await target()).toBe(baseVersion);
  });

  test("stays what it was when the canary's health is bad", async () => {
    await fleet.startWorker(steps, { publicDataUrl: 'http://127.0.0.1:9' });
    const health = { windowMs: 0, minRequests: 1, smokeProjects: 1 };
    const id = await fleet.start(first, { waves: onlyFirst(fleet), health });
    expect((await fleet.reached(id, 'paused')).reason?.code).toBe('health-exceeded');
    expect(await target()).toBe(baseVersion);
  });

  test('stays what it was when everybody was left out: nothing has proved the migration', async () => {
    steps = await stepsWith([constrained]);
    for (const { slug } of fleet.projects) await spoil(fleet, slug);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: [] });
    await fleet.reached(id, 'paused');
    const everybody = fleet.projects.map((project) => project.id);
    await fleet.until('those that were under way are through', async () =>
      (await fleet.counts(id))['running'] === undefined ? true : undefined,
    );
    await fleet.skip(id, everybody, 'ticket 4711');
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect(await fleet.counts(id)).toEqual({ skipped: 4 });
    expect(await target()).toBe(baseVersion);
  });

  test("is the rollout's at its end, when nobody is left behind though no wave had anything to do", async () => {
    await fleet.dataSource.query(`UPDATE tenant_database SET schema_version = ${first}`);
    await fleet.startWorker(steps);
    await fleet.reached(await fleet.start(first), 'succeeded');
    expect(await target()).toBe(first);
  });

  test('may be the older one for a database that is being built when the rollout would end: it is taken along', async () => {
    const operation = newId('op');
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at !== 'planned') return;
        const { id } = await fleet.addProject('late', { state: 'provisioning' });
        await fleet.dataSource.query(`UPDATE tenant_database SET state = 'building' WHERE project_id = $1`, [id]);
        await fleet.dataSource.query(
          `INSERT INTO operation (id, kind, project_id, state, created_by) VALUES ($1, 'project.create', $2, 'running', 'test')`,
          [operation, id],
        );
      },
    });
    const id = await fleet.start(first);
    await fleet.until('it is waited for', async () => {
      const { length } = await fleet.dataSource.query<object[]>(
        `SELECT FROM rollout_project rp JOIN project p ON p.id = rp.project_id
          WHERE p.slug = 'late' AND rp.waits_for = 'operation'`,
      );
      return length > 0 ? true : undefined;
    });
    await fleet.dataSource.query(`UPDATE tenant_database SET state = 'claimed' WHERE state = 'building'`);
    await fleet.dataSource.query(`UPDATE operation SET state = 'succeeded' WHERE id = $1`, [operation]);
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.reached(id, 'succeeded');
    expect((await fleet.rows(id))['late']).toMatchObject({ state: 'done', schemaVersion: first });
  });
});

describe('a contract step', () => {
  test('is refused while a project has not the schema before it, and runs when all have', async () => {
    steps = await stepsWith(contracted);
    await fleet.startWorker(steps);
    await fleet.dataSource.query(`UPDATE project SET schema_pin = ${baseVersion} WHERE slug = 'p2'`);
    await fleet.reached(await fleet.start(first), 'succeeded');
    const id = await fleet.start(second);
    const paused = await fleet.reached(id, 'paused');
    expect(paused.reason).toEqual({ code: 'contract-too-early', message: expect.stringContaining('p2') });
    expect(await fleet.rows(id)).toEqual({});
    expect(await fleet.dataSource.query('SELECT target_version FROM fleet')).toEqual([{ target_version: first }]);
    await fleet.move(id, 'paused', 'aborted');

    await fleet.dataSource.query(`UPDATE project SET schema_pin = NULL`);
    await fleet.reached(await fleet.start(first), 'succeeded');
    await fleet.reached(await fleet.start(second), 'succeeded');
    expect((await fleet.truth()).map(({ versions }) => versions)).toEqual(fleet.projects.map(() => upTo(second)));
  });

  test('is looked at again before it runs: a database may have come back from a backup', async () => {
    steps = await stepsWith(contracted);
    await fleet.startWorker(steps);
    await fleet.reached(await fleet.start(first), 'succeeded');
    await fleet.stopWorkers();
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at !== 'planned') return;
        await fleet.addProject('restored');
      },
    });
    const id = await fleet.start(second);
    expect((await fleet.reached(id, 'paused')).reason?.code).toBe('contract-too-early');
    expect(await fleet.counts(id)).toEqual({ pending: 4 });
  });

  test('is refused while a database is being built that will have an older schema than the one before it', async () => {
    steps = await stepsWith(contracted);
    await fleet.startWorker(steps);
    await fleet.reached(await fleet.start(first), 'succeeded');
    const { id: late } = await fleet.addProject('late', { state: 'provisioning' });
    await fleet.dataSource.query(`UPDATE tenant_database SET state = 'building' WHERE project_id = $1`, [late]);
    const id = await fleet.start(second);
    expect((await fleet.reached(id, 'paused')).reason).toEqual({
      code: 'contract-too-early',
      message: expect.stringContaining('late'),
    });
  });

  test.each([true, false])(
    'is refused by a database that knows of a backfill that is not through (in a transaction: %s)',
    async (transaction) => {
      steps = await stepsWith([contracted[0]!, { ...contracted[1]!, transaction }]);
      await fleet.startWorker(steps);
      await fleet.reached(await fleet.start(first), 'succeeded');
      const p0 = fleet.project('p0');
      await fleet.inTenant(p0, `INSERT INTO schema_backfill (name, fence) VALUES ('${contracted[0]!.name}', 0)`);
      const id = await fleet.start(second, { waves: [] });
      await fleet.reached(id, 'paused');
      expect((await fleet.rows(id))['p0']).toMatchObject({
        state: 'failed',
        error: { code: 'contract-too-early', message: expect.stringContaining(contracted[0]!.name) },
      });
      expect((await fleet.truth())[0]?.versions).toEqual(upTo(first));
      await fleet.inTenant(p0, 'UPDATE schema_backfill SET finished_at = now()');
      await fleet.retry(id);
      await fleet.resume(id);
      await fleet.reached(id, 'succeeded');
    },
  );
});

describe('the schema that a database was seen to have', () => {
  test('is taken back only by who knew what is written', async () => {
    const { id: projectId } = fleet.project('p0');
    await fleet.dataSource.query('UPDATE tenant_database SET schema_version = $2 WHERE project_id = $1', [
      ...[projectId, second],
    ]);
    const [database] = await fleet.dataSource.query<{ id: string }[]>(
      'SELECT id FROM tenant_database WHERE project_id = $1',
      [projectId],
    );
    const tenantDatabaseId = database!.id;
    const projects = new RolloutProjectsRepository(fleet.dataSource);
    const rollout = { id: await fleet.start(second), fence: '0' };
    const written = async (thought: number): Promise<number> => {
      const seen = { tenantDatabaseId, schemaVersion: first, thought };
      await projects.turn(rollout, [{ projectId, state: 'done', seen }], []);
      const [row] = await fleet.dataSource.query<{ version: number }[]>(
        'SELECT schema_version AS version FROM tenant_database WHERE id = $1',
        [tenantDatabaseId],
      );
      return row!.version;
    };
    expect(await written(baseVersion)).toBe(second);
    expect(await written(second)).toBe(first);
  });
});
