/** What an operator changes of a maintenance window while a rollout writes down that the project waits for it. */
import { setTimeout as pause } from 'node:timers/promises';
import { ProjectRepository, RolloutProjectsRepository, Transactions } from '#control-database';
import { RolloutFleet } from './rollout-fleet.fixture.js';
import { closedWindow, first } from './rollout-migrations.fixture.js';

const aWeekMs = 7 * 24 * 60 * 60_000;

let fleet: RolloutFleet;
let projects: RolloutProjectsRepository;
let rollout: { id: string; fence: string };

beforeEach(async () => {
  fleet = await RolloutFleet.open(1);
  projects = new RolloutProjectsRepository(fleet.dataSource);
  await fleet.setWindow('p0', closedWindow());
  rollout = { id: await fleet.start(first), fence: '0' };
});

afterEach(() => fleet.close());

/** What a worker reads of the project, and then writes of it. */
interface Waiting {
  readonly member: { readonly state: string; readonly backfill: string };
  readonly read: () => Promise<{ projectId: string; revision: number } | undefined>;
  readonly write: (found: { projectId: string; revision: number }) => Promise<unknown>;
}

const waits = { state: 'pending', waitsFor: 'window', dueInMs: aWeekMs } as const;
const migration: Waiting = {
  member: { state: 'pending', backfill: 'none' },
  read: async () => (await projects.listDue(rollout.id, { waves: [0], retriedOnly: false }, [], 1))[0],
  write: ({ projectId, revision }) => projects.turn(rollout, [{ projectId, revision, ...waits }], []),
};
const backfill: Waiting = {
  member: { state: 'done', backfill: 'pending' },
  read: async () => (await projects.listBackfills(rollout.id, { retriedOnly: false }, [], 1))[0],
  write: ({ projectId, revision }) => projects.recordBackfill(rollout, { projectId, revision, rows: 0, ...waits }),
};

async function readOf({ member, read }: Waiting): Promise<{ projectId: string; revision: number }> {
  await fleet.dataSource.query(
    `INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, from_version, state, backfill)
     SELECT $1, project_id, 0, cluster_id, schema_version, $2, $3 FROM tenant_database`,
    [rollout.id, member.state, member.backfill],
  );
  return (await read())!;
}

const rowOf = async () => (await fleet.rows(rollout.id))['p0'];
const due = { waitsFor: null, dueAt: null };

describe.each([
  ['a migration', migration],
  ['a backfill', backfill],
])('a maintenance window for which %s would wait', (_, waiting) => {
  test('is waited for while it stays, and not any more when it is taken away', async () => {
    await waiting.write(await readOf(waiting));
    expect(await rowOf()).toMatchObject({ waitsFor: 'window', dueAt: expect.any(Date) });
    await fleet.setWindow('p0', null);
    expect(await rowOf()).toMatchObject(due);
  });

  test('is not waited for when it was taken away before that was written', async () => {
    const found = await readOf(waiting);
    await fleet.setWindow('p0', null);
    await waiting.write(found);
    expect(await rowOf()).toMatchObject(due);
  });

  test('is not waited for when it is taken away while that is written', async () => {
    const found = await readOf(waiting);
    let written: Promise<unknown> | undefined;
    await new Transactions(fleet.dataSource).run(async (transaction) => {
      const repository = new ProjectRepository(fleet.dataSource);
      const { id, name, labels } = await repository.getForUpdate(fleet.project('p0').id, transaction);
      await repository.update(id, { name, labels, schemaPin: null, maintenanceWindow: null }, transaction);
      written = waiting.write(found);
      await Promise.race([written, pause(300)]);
    });
    await written;
    expect(await rowOf()).toMatchObject(due);
  });
});
