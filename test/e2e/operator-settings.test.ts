/** What an operator decides for a project, from the control plane to what the data planes do. */
import { findBrokenSeal, recordAudit, sealAudit } from '#fhir-store';
import { createLogger, loadConfig } from '#platform';
import { connectOnce, type OwnedConnection, sql } from '#postgres';
import {
  aDatabase,
  type CreatedProject,
  expectStatus,
  type RunningPlatform,
  startPlatform,
  type TestDatabase,
} from '#testing';
import { type DataPlane, startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';

let database: TestDatabase;
let platform: RunningPlatform;
/** Another data plane beside the platform's own. */
let second: DataPlane;
let quay: CreatedProject;
let pier: CreatedProject;

beforeAll(async () => {
  database = await aDatabase();
  platform = await startPlatform({ databaseUrl: database.url });
  const config = loadConfig({ ...platform.env, DATA_PORT: '0' });
  second = await startDataPlane(config, createLogger({ logLevel: 'silent', logFormat: 'json' }, 'data-plane'));
  quay = await platform.createProject('quay');
  pier = await platform.createProject('pier');
}, 120_000);

afterAll(async () => {
  await second?.close();
  await platform?.stop();
  await database?.drop();
});

interface Outcome {
  issue: { code: string; expression?: string[] }[];
}

const configure = async (body: object): Promise<unknown> =>
  expectStatus(await platform.control('PATCH', '/projects/quay/settings', body, { prefer: 'wait=30' }), 200);

const fhir = (project: CreatedProject, path: string, token: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${project.baseUrl}fhir/R4/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
  });

/** A connection into a project's database as its server's administrator. */
async function asAdministrator(project: CreatedProject): Promise<OwnedConnection> {
  const control = await connectOnce(platform.databaseUrl);
  const [row] = await control.query<{ name: string }>(
    sql`SELECT database_name AS name FROM tenant_database WHERE project_id = ${project.id}`,
  );
  await control.close();
  const url = new URL(platform.databaseUrl);
  url.pathname = `/${row!.name}`;
  return connectOnce(url.href);
}

test('the level of validation counts on every data plane from the next request on, in this project alone', async () => {
  const tokens = { quay: await platform.clientToken(quay), pier: await platform.clientToken(pier) };
  const body = JSON.stringify({ resourceType: 'Patient', contact: [{ gender: 'male' }] });
  const elsewhere = { ...quay, baseUrl: `${second.url}/p/quay/` };
  const write = (project: CreatedProject, token: string) => fhir(project, 'Patient', token, { method: 'POST', body });
  const isRefused = async (project: CreatedProject, token: string) => {
    const outcome = (await expectStatus(await write(project, token), 400)) as Outcome;
    expect(outcome.issue).toMatchObject([{ code: 'invariant', expression: ['Patient.contact[0]'] }]);
  };
  const areRefused = () => Promise.all([quay, elsewhere].map((project) => isRefused(project, tokens.quay)));
  const areAccepted = async () => {
    for (const project of [quay, elsewhere]) await expectStatus(await write(project, tokens.quay), 201);
  };
  await areRefused();
  expect(await configure({ validationLevel: 'structure' })).toMatchObject({
    settings: { strictMode: true, validationLevel: 'structure' },
    operation: { kind: 'project.configure', state: 'succeeded' },
  });
  await areAccepted();
  await isRefused(pier, tokens.pier);
  await configure({ validationLevel: 'invariants' });
  await areRefused();
  await configure({ strictMode: false });
  await areAccepted();
  await configure({ strictMode: null });
  await areRefused();
});

test("an administrator of the project sees the operator's settings and cannot change them; what else is said stays", async () => {
  await configure({ validationLevel: null, features: ['email'], auditRetentionDays: 400 });
  const token = await platform.clientToken(quay);
  const read = async () => (await expectStatus(await fhir(quay, `Project/${quay.id}`, token), 200)) as object;
  const project = await read();
  expect(project).toMatchObject({
    features: ['email'],
    systemSetting: [{ name: 'auditRetentionDays', valueInteger: 400 }],
  });
  const put = JSON.stringify({
    ...project,
    description: 'by the water',
    setting: [{ name: 'colour', valueString: 'blue' }],
    features: ['bots'],
    systemSetting: [{ name: 'validationLevel', valueString: 'structure' }],
  });
  await expectStatus(await fhir(quay, `Project/${quay.id}`, token, { method: 'PUT', body: put }), 200);
  await configure({ features: ['email', 'cron'], auditRetentionDays: null });
  const now = await read();
  expect(now).toMatchObject({
    description: 'by the water',
    setting: [{ name: 'colour', valueString: 'blue' }],
    features: ['email', 'cron'],
  });
  expect(now).not.toHaveProperty('systemSetting');
  const { issue } = (await expectStatus(
    await fhir(quay, 'Patient', token, {
      method: 'POST',
      body: '{"resourceType":"Patient","contact":[{"gender":"male"}]}',
    }),
    400,
  )) as Outcome;
  expect(issue[0]?.code).toBe('invariant');
});

test('the audit of a project is kept for as long as its operator says, and no longer', async () => {
  const owner = await asAdministrator(quay);
  try {
    const count = async (entity: string): Promise<number> =>
      (await owner.query(sql`SELECT 1 FROM audit_event WHERE entity = ${entity}`)).length;
    const until = async (isSo: () => Promise<boolean>) => {
      const deadline = performance.now() + 45_000;
      while (!(await isSo())) {
        if (performance.now() > deadline) throw new Error('waited in vain');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const entry = (entity: string) =>
      ({ action: 'R', outcome: 'success', agent: 'Practitioner/p', entity, requestId: 'r' }) as const;
    await recordAudit(owner, [entry('Patient/long-ago')]);
    await until(async () => {
      await sealAudit(owner);
      return (
        (
          await owner.query(
            sql`SELECT 1 FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE e.writer < s.until_writer)`,
          )
        ).length === 0
      );
    });
    await owner.query(sql`UPDATE audit_seal SET sealed_at = clock_timestamp() - interval '50 days'`);
    await configure({ auditRetentionDays: 40 });
    // A data plane that has just looked for what is too old looks again in an hour; one that starts looks at once.
    await platform.kill('data-plane', 'SIGTERM');
    await platform.start('data-plane');
    await expectStatus(await fhir(quay, 'Patient?_count=1', await platform.clientToken(quay)), 200);
    await until(async () => (await count('Patient/long-ago')) === 0);
    // Each change is told to the project's own audit, which nobody can shorten to less than 30 days.
    const changes = await owner.query(
      sql`SELECT 1 FROM audit_event WHERE agent = 'system/configure-project' AND action = 'U' AND entity LIKE ${`Project/${quay.id}%`}`,
    );
    expect(changes.length).toBeGreaterThan(0);
    expect(await findBrokenSeal(owner)).toBeUndefined();
  } finally {
    await owner.close();
  }
});
