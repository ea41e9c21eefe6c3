import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { newId } from '#platform';
import { connectOnce, identifier, type OwnedConnection, sql } from '#postgres';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform, type TestDatabase } from '#testing';
import { aPlan } from '../integration/rollout-fleet.fixture.js';

let database: TestDatabase;
let platform: RunningPlatform;
let control: OwnedConnection;

beforeAll(async () => {
  database = await aDatabase();
  platform = await startPlatform({ databaseUrl: database.url, apps: ['control-plane'] });
  control = await connectOnce(database.url);
  // The fleet is still where the release before this one had it.
  await control.query(sql`INSERT INTO fleet (target_version) VALUES (${TENANT_SCHEMA_VERSION - 1})
    ON CONFLICT (singleton) DO UPDATE SET target_version = EXCLUDED.target_version`);
  await platform.start('worker');
  await platform.start('data-plane');
}, 120_000);

afterAll(async () => {
  await control?.close();
  await platform?.stop();
  await database?.drop();
});

const schemas = (): Promise<{ version: number }[]> =>
  control.query(sql`SELECT schema_version AS version FROM tenant_database WHERE state = 'claimed' ORDER BY id`);

interface Ended {
  state: string;
  reason: unknown;
  health: { smoke: object; exceeded: string[] }[];
}

async function ended(id: string): Promise<Ended> {
  for (;;) {
    const [row] = await control.query<Ended>(
      sql`SELECT r.state, r.reason, (SELECT json_agg(w.health ORDER BY w.position) FROM rollout_wave w) AS health
            FROM rollout r WHERE r.id = ${id}`,
    );
    if (row?.state !== 'running') return row!;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('brings projects in use to the schema of this release, asks them whether they answer, and no request fails', async () => {
  const projects = [await platform.createProject('quay'), await platform.createProject('pier')];
  expect(await schemas()).toEqual(projects.map(() => ({ version: TENANT_SCHEMA_VERSION - 1 })));

  let isOver = false;
  const answers = new Map<number, number>();
  const use = async (project: CreatedProject): Promise<void> => {
    const authorization = `Bearer ${await platform.clientToken(project)}`;
    const resource = JSON.stringify({ resourceType: 'Patient', active: true });
    while (!isOver) {
      const headers = { authorization, 'content-type': 'application/fhir+json' };
      const requests = [
        fetch(`${project.baseUrl}fhir/R4/Patient`, { method: 'POST', headers, body: resource }),
        fetch(`${project.baseUrl}fhir/R4/Patient?_count=5`, { headers }),
        fetch(`${project.baseUrl}fhir/R4/AuditEvent?_count=2`, { headers }),
      ];
      for (const { status } of await Promise.all(requests)) answers.set(status, (answers.get(status) ?? 0) + 1);
    }
  };
  const traffic = projects.map(use);

  const id = newId('rol');
  const plan = aPlan({ waves: [{ percent: 50 }], health: { windowMs: 500, minRequests: 20, smokeProjects: 5 } });
  await control.query(sql`INSERT INTO rollout (id, target_version, state, plan, created_by)
    VALUES (${id}, ${TENANT_SCHEMA_VERSION}, 'running', ${JSON.stringify(plan)}, 'test')`);
  const rollout = await ended(id);
  isOver = true;
  await Promise.all(traffic);

  expect(rollout).toMatchObject({ state: 'succeeded', reason: null });
  expect(rollout.health).toMatchObject([
    { smoke: { asked: 1, failed: [] }, exceeded: [] },
    { smoke: { asked: 1, failed: [] }, exceeded: [] },
  ]);
  for (const { smoke } of rollout.health) expect(smoke).not.toHaveProperty('note');
  expect(await schemas()).toEqual(projects.map(() => ({ version: TENANT_SCHEMA_VERSION })));
  expect([...answers.keys()].toSorted()).toEqual([200, 201]);
});

test('stops when a migrated project does not answer', async () => {
  const [project] = await control.query<{ id: string; roleName: string }>(
    sql`SELECT p.id, t.role_name AS "roleName" FROM project p JOIN tenant_database t ON t.project_id = p.id AND t.state = 'claimed'
         WHERE p.slug = 'quay'`,
  );
  // As if it had never gone along, with a database that its own role cannot use.
  await control.query(
    sql`UPDATE tenant_database SET schema_version = ${TENANT_SCHEMA_VERSION - 1} WHERE project_id = ${project!.id}`,
  );
  await control.query(sql`ALTER ROLE ${identifier(project!.roleName)} NOLOGIN`);
  const id = newId('rol');
  const plan = aPlan({ waves: [], health: { windowMs: 0, minRequests: 20, smokeProjects: 5 } });
  await control.query(sql`INSERT INTO rollout (id, target_version, state, plan, created_by)
    VALUES (${id}, ${TENANT_SCHEMA_VERSION}, 'running', ${JSON.stringify(plan)}, 'test')`);
  expect(await ended(id)).toMatchObject({ state: 'paused', reason: { code: 'health-exceeded' } });
  const [wave] = await control.query<{ health: { smoke: { failed: { projectId: string; message: string }[] } } }>(
    sql`SELECT health FROM rollout_wave WHERE rollout_id = ${id}`,
  );
  expect(wave!.health.smoke.failed).toEqual([
    { projectId: project!.id, message: expect.stringContaining('Its database: ') },
  ]);
});
