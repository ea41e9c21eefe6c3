/** Data planes of two releases before tenant databases of two schemas. */
import { pino } from 'pino';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { connectOnce, sql } from '#postgres';
import { type DataPlane, startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { until } from './store.fixture.js';

let plane: TestPlane;
let project: TestProject;
let other: TestProject;
const planes: DataPlane[] = [];

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('north');
  other = await plane.createProject('south');
});

afterEach(async () => {
  for (const each of planes.splice(0)) await each.close();
  await setSchema(project, TENANT_SCHEMA_VERSION);
});

afterAll(() => plane.close());

const setSchema = ({ id }: TestProject, version: number) =>
  plane.dataSource.query('UPDATE tenant_database SET schema_version = $2 WHERE project_id = $1', [id, version]);

interface LogLine {
  level: number;
  msg: string;
  projectId?: string;
}

/** One more data plane over the same projects, of the release whose newest tenant schema this is. */
async function ofRelease(tenantSchema: number) {
  const log: LogLine[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(JSON.parse(line) as LogLine) });
  const started = await startDataPlane(plane.config, logger, { tenantSchema });
  planes.push(started);
  const token = await plane.token(project);
  const otherToken = await plane.token(other);
  const ask = async (of: TestProject, bearer: string) => {
    const answer = await fetch(`${started.url}${of.path}fhir/R4/Patient`, {
      headers: { authorization: `Bearer ${bearer}` },
    });
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() };
  };
  return {
    log,
    ask: () => ask(project, token),
    askOther: () => ask(other, otherToken),
    unserved: async () => {
      const text = await (await fetch(`${started.url}/metrics`)).text();
      return Number(/^boxyard_projects_schema_unserved (\d+)$/m.exec(text)?.[1]);
    },
  };
}

const patients = (): Promise<Answer> => plane.fhir(project, 'Patient');

describe('a data plane', () => {
  test('serves the schema before its own', async () => {
    await setSchema(project, TENANT_SCHEMA_VERSION - 1);
    const release = await ofRelease(TENANT_SCHEMA_VERSION);
    expect((await release.ask()).status).toBe(200);
    expect(await release.unserved()).toBe(0);
  });

  test('serves later schemas: an earlier release stays up beside its successor', async () => {
    const release = await ofRelease(1);
    await setSchema(project, TENANT_SCHEMA_VERSION + 3);
    await until(async () => (await release.ask()).status === 200);
    expect(await release.unserved()).toBe(0);
  });

  test('refuses an earlier one with 503, and says so to operators once', async () => {
    await setSchema(project, TENANT_SCHEMA_VERSION - 1);
    const release = await ofRelease(TENANT_SCHEMA_VERSION + 1);
    for (let turn = 0; turn < 5; turn++) {
      const { status, retryAfter, text } = await release.ask();
      expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '30' });
      expect(JSON.parse(text)).toMatchObject({ resourceType: 'OperationOutcome', id: 'schema-too-old' });
      expect(text).not.toContain('north');
    }
    expect((await release.askOther()).status).toBe(200);
    const told = release.log.filter(({ msg }) => msg.includes('schema'));
    expect(told).toMatchObject([{ level: 50, projectId: project.id, schemaVersion: TENANT_SCHEMA_VERSION - 1 }]);
    expect(await release.unserved()).toBe(1);
  });

  test('serves a project when it is migrated, and tells that too', async () => {
    await setSchema(project, TENANT_SCHEMA_VERSION - 1);
    const release = await ofRelease(TENANT_SCHEMA_VERSION + 1);
    expect((await release.ask()).status).toBe(503);
    await setSchema(project, TENANT_SCHEMA_VERSION);
    await until(async () => (await release.ask()).status === 200);
    expect(release.log.filter(({ msg }) => msg.includes('schema')).map(({ level }) => level)).toEqual([50, 30]);
    expect(await release.unserved()).toBe(0);
  });

  test('does not count a project that it would refuse anyway', async () => {
    await setSchema(project, TENANT_SCHEMA_VERSION - 1);
    await plane.dataSource.query(`UPDATE project SET state = 'suspended' WHERE id = $1`, [project.id]);
    const release = await ofRelease(TENANT_SCHEMA_VERSION + 1);
    expect((await release.ask()).status).toBe(403);
    expect(await release.unserved()).toBe(0);
    await plane.dataSource.query(`UPDATE project SET state = 'active' WHERE id = $1`, [project.id]);
    await until(async () => (await release.unserved()) === 1);
  });

  test('keeps its connections when a project is migrated under it', async () => {
    expect((await patients()).status).toBe(200);
    const owner = await connectOnce(project.tenantUrl);
    const backends = () =>
      owner.query(sql`SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'boxyard' ORDER BY 1`);
    const before = await backends();
    expect(before.length).toBeGreaterThan(0);
    await setSchema(project, 0);
    await until(async () => (await patients()).status === 503);
    await setSchema(project, TENANT_SCHEMA_VERSION);
    await until(async () => (await patients()).status === 200);
    expect(await backends()).toEqual(expect.arrayContaining(before));
    await owner.close();
  });
});

describe('the traffic of a project', () => {
  test('is recorded when the data plane ends, by project and nothing else', async () => {
    const release = await ofRelease(TENANT_SCHEMA_VERSION);
    for (let turn = 0; turn < 3; turn++) await release.ask();
    await release.askOther();
    await planes.splice(0)[0]?.close();
    const rows = await plane.dataSource.query<{ project_id: string; requests: number; sum: number }[]>(
      `SELECT project_id, sum(requests)::int AS requests, sum(server_errors)::int AS errors,
              (SELECT sum(n)::int FROM project_traffic t, unnest(t.latency) AS n WHERE t.project_id = p.project_id) AS sum
         FROM project_traffic p GROUP BY project_id`,
    );
    const ofProject = rows.find(({ project_id }) => project_id === project.id);
    expect(ofProject).toMatchObject({ errors: 0 });
    expect(ofProject?.requests).toBeGreaterThanOrEqual(3);
    expect(ofProject?.sum).toBe(ofProject?.requests);
    expect(rows.find(({ project_id }) => project_id === other.id)?.requests).toBeGreaterThanOrEqual(1);
  });
});
