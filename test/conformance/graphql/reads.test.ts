import { connectOnce, compiledSql, type OwnedConnection } from '#postgres';
import { aDataPlane, type TestPlane, type TestProject } from '../../integration/data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;
let owner: OwnedConnection;

const rows = <Row extends object>(text: string, ...values: unknown[]): Promise<Row[]> =>
  owner.query<Row>(compiledSql({ text, values }));

async function put(resource: { resourceType: string; id: string }): Promise<void> {
  const address = `${resource.resourceType}/${resource.id}`;
  const answer = await plane.fhir(project, address, { method: 'PUT', body: JSON.stringify(resource) });
  expect([address, answer.status]).toEqual([address, 201]);
}

const ask = (query: string) =>
  plane.fhir(project, '$graphql', {
    method: 'POST',
    body: JSON.stringify({ query }),
    headers: { 'content-type': 'application/json' },
  });

/**
 * What the audit says about the request that searched for this. The audit is written in order, a few entries at a time: all
 * of the request is there once a later request is.
 */
async function readsOf(entity: string): Promise<string[]> {
  const later = 'behind-what-is-looked-for';
  await plane.fhir(project, 'Patient/p0', { headers: { 'x-request-id': later } });
  const deadline = Date.now() + 30_000;
  while ((await rows(`SELECT FROM audit_event WHERE request_id = $1`, later)).length === 0) {
    if (Date.now() > deadline) throw new Error('The audit has no word of the later request after 30 seconds.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const found = await rows<{ entity: string }>(
    `SELECT entity FROM audit_event
     WHERE action = 'R' AND request_id IN (SELECT request_id FROM audit_event WHERE entity = $1) ORDER BY id`,
    entity,
  );
  return found.map((row) => row.entity);
}

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('graphql-reads');
  owner = await connectOnce(project.tenantUrl);
  for (const id of ['o1', 'o2']) await put({ resourceType: 'Organization', id, name: id } as never);
  for (let index = 0; index < 12; index++) {
    await put({
      resourceType: 'Patient',
      id: `p${index}`,
      active: true,
      managingOrganization: { reference: `Organization/o${(index % 2) + 1}` },
    } as never);
    for (let number = 0; number < index % 3; number++) {
      await put({
        resourceType: 'Observation',
        id: `p${index}-${number}`,
        status: 'final',
        code: { text: 'x' },
        subject: { reference: `Patient/p${index}` },
      } as never);
    }
  }
}, 60_000);

afterAll(async () => {
  await owner?.close();
  await plane?.close();
});

test('lists inside lists and references are read together: three statements for twelve patients', async () => {
  const answer = await ask(
    '{ PatientList(active: true, _count: 12) { id managingOrganization { resource { id } } ObservationList(_reference: subject) { id } } }',
  );
  const { data } = JSON.parse(answer.text) as {
    data: { PatientList: { id: string; managingOrganization: object; ObservationList: { id: string }[] }[] };
  };
  expect(data.PatientList.map(({ id, ObservationList }) => [id, ObservationList.map((found) => found.id)])).toEqual(
    Array.from({ length: 12 }, (_, index) => [
      `p${index}`,
      Array.from({ length: index % 3 }, (_unused, number) => `p${index}-${number}`),
    ]),
  );
  const patients = Array.from({ length: 12 }, (_, index) => `Patient/p${index}`).join(',');
  const reads = (await readsOf('Patient?active=true&_count=12')).map((entity) => decodeURIComponent(entity));
  expect(reads.sort()).toEqual([
    `Observation?subject=${patients}&_count=1000`,
    'Organization?_id=o1,o2',
    'Patient?active=true&_count=12',
  ]);
});

test('a change of rights in between is noticed, and the request is answered with the new ones', async () => {
  expect((await ask('{ PatientList(_count: 1) { id } }')).status).toBe(200);
  await rows('UPDATE security_epoch SET epoch = epoch + 1');
  const answer = await ask('{ PatientList(_count: 1) { id ObservationList(_reference: subject) { id } } }');
  expect([answer.status, answer.text]).toEqual([200, '{"data":{"PatientList":[{"id":"p0","ObservationList":[]}]}}']);
});

test('what rights there were end with the membership, for queries and for mutations', async () => {
  const [membership] = await rows<{ fhir_id: string }>(
    `SELECT fhir_id FROM resource WHERE type = 'ProjectMembership' AND NOT deleted AND body LIKE $1`,
    `%ClientApplication/${project.clientId}%`,
  );
  const removed = await ask(`mutation { ProjectMembershipDelete(id: "${membership?.fhir_id}") { id } }`);
  expect([removed.status, removed.text]).toEqual([200, '{"data":{"ProjectMembershipDelete":null}}']);
  for (const query of ['{ PatientList { id } }', 'mutation { PatientDelete(id: "p1") { id } }']) {
    const answer = await ask(query);
    expect([answer.status, answer.json.resourceType]).toEqual([401, 'OperationOutcome']);
  }
});
