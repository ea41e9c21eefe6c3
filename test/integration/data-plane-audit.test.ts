/** What each route of the data plane leaves in the audit, and how the audit is read over HTTP. */
import { hashPassword } from '#platform';
import { compiledSql, connectOnce, type OwnedConnection } from '#postgres';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;
let owner: OwnedConnection;
let patient: string;
let observation: string;
let agent: string;

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('audited');
  owner = await connectOnce(project.tenantUrl);
  agent = `ClientApplication/${project.clientId}`;
  patient = (await post('Patient', { resourceType: 'Patient', active: true })).json.id;
  observation = (
    await post('Observation', {
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'x' },
      subject: { reference: `Patient/${patient}` },
    })
  ).json.id;
});
afterAll(async () => {
  await owner.close();
  await plane.close();
});

const json = (body: object) => ({ 'content-type': 'application/fhir+json', body: JSON.stringify(body) });
const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, {
    method: 'POST',
    headers: { 'content-type': json(body)['content-type'], ...headers },
    body: json(body).body,
  });

interface Row {
  action: string;
  outcome: number;
  entity: string;
  subjects: string | null;
  agent: string;
  membership: string | null;
  policy: string | null;
}

/** What the audit has of the request, once it has as much as is expected. */
async function recorded(requestId: string, count: number): Promise<Row[]> {
  const text = `SELECT action::text, outcome, entity, subjects, agent, membership, policy FROM audit_event WHERE request_id = $1 ORDER BY id`;
  const deadline = performance.now() + 30_000;
  for (;;) {
    const rows = await owner.query<Row>(compiledSql({ text, values: [requestId] }));
    if (rows.length >= count || performance.now() > deadline) return rows;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const short = (rows: Row[]) => rows.map(({ action, outcome, entity }) => `${action} ${outcome} ${entity}`);

/** Calls with an id of its own and gives what the audit has of it. */
async function traceOf(
  name: string,
  path: string,
  expected: number,
  call: { method?: string; body?: object; type?: string } = {},
): Promise<Row[]> {
  const requestId = `trace-${name}`;
  await plane.fhir(project, path, {
    method: call.method ?? (call.body === undefined ? 'GET' : 'POST'),
    headers: { 'x-request-id': requestId, 'content-type': call.type ?? 'application/fhir+json' },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });
  return recorded(requestId, expected);
}

describe('a read is recorded with the patient whose data was shown', () => {
  test.each([
    ['read', () => `Observation/${observation}`, () => `Observation/${observation}`],
    ['search', () => 'Observation?code:text=x', () => 'Observation?code:text=x'],
    ['compartment', () => `Patient/${patient}/Observation`, () => `Patient/${patient}/Observation`],
    ['include', () => `Observation?_id=${observation}&_include=*`, () => `Observation?_id=${observation}&_include=*`],
    ['history', () => `Observation/${observation}/_history`, () => `Observation/${observation}/_history`],
    ['everything', () => `Patient/${patient}/$everything`, () => `Patient/${patient}/$everything`],
    ['meta', () => `Observation/${observation}/$meta`, () => `Observation/${observation}`],
  ])('%s', async (name, path, entity) => {
    const [row, ...others] = await traceOf(name, path(), 1);
    expect(others).toEqual([]);
    expect(row).toMatchObject({ action: 'R', outcome: 0, entity: entity(), agent, subjects: `Patient/${patient}` });
    expect(row?.membership).toMatch(/^ProjectMembership\//);
    expect(row?.policy).not.toBeNull();
  });

  test('by GraphQL, for each resource and list that it reads', async () => {
    const query = `{ Patient(id: "${patient}") { id } ObservationList(code: "x", _count: 5) { id } }`;
    const rows = await traceOf('graphql', '$graphql', 2, { body: { query }, type: 'application/json' });
    expect(rows.map(({ entity }) => entity).sort()).toEqual(['Observation?code=x&_count=5', `Patient/${patient}`]);
    expect(rows.find(({ entity }) => entity.startsWith('Patient'))?.subjects).toBe(`Patient/${patient}`);
  });

  test('and an expansion, which is about no patient, by the value set', async () => {
    const url = 'http://hl7.org/fhir/ValueSet/marital-status';
    const rows = await traceOf('expand', `ValueSet/$expand?url=${url}&filter=m`, 1);
    expect(short(rows)).toEqual([`R 0 ValueSet/$expand?url=${url}`]);
    expect(rows[0]?.subjects ?? '').toBe('');
  });

  test('in a Bundle, entry by entry, besides the Bundle itself', async () => {
    for (const type of ['batch', 'transaction']) {
      const entry = [`Observation/${observation}`, `Patient?_id=${patient}`].map((url) => ({
        request: { method: 'GET', url },
      }));
      const rows = await traceOf(`bundle-${type}`, '', 3, { body: { resourceType: 'Bundle', type, entry } });
      expect(short(rows)).toEqual([`R 0 Observation/${observation}`, `R 0 Patient?_id=${patient}`, 'E 0 Bundle']);
      expect(rows.map(({ subjects }) => subjects)).toEqual([`Patient/${patient}`, `Patient/${patient}`, null]);
    }
  });
});

describe('a denial is recorded once', () => {
  test.each([
    ['read', 'GET', 'Login/x', 'R 4 Login/x'],
    ['search', 'GET', 'Login?_id=x', 'R 4 Login?_id=x'],
    ['history', 'GET', 'Login/x/_history', 'R 4 Login/x/_history'],
    ['delete', 'DELETE', 'Login/x', 'D 4 Login/x'],
    ['audit-delete', 'DELETE', 'AuditEvent/audit-1-1', 'D 4 AuditEvent/audit-1-1'],
  ])('%s', async (name, method, path, expected) => {
    const rows = await traceOf(`denied-${name}`, path, 1, { method });
    expect(short(rows)).toEqual([expected]);
    expect(rows[0]?.agent).toBe(agent);
  });

  test('of an entry of a batch, while the others go on, and of a transaction as a whole', async () => {
    const entry = ['Login/x', `Patient/${patient}`].map((url) => ({ request: { method: 'GET', url } }));
    const batch = await traceOf('denied-batch', '', 3, { body: { resourceType: 'Bundle', type: 'batch', entry } });
    expect(short(batch)).toEqual(['R 4 Login/x', `R 0 Patient/${patient}`, 'E 0 Bundle']);
    const transaction = await traceOf('denied-transaction', '', 1, {
      body: { resourceType: 'Bundle', type: 'transaction', entry },
    });
    expect(short(transaction)).toEqual(['R 4 Login/x']);
  });
});

describe('the audit over HTTP', () => {
  test('is searched by patient, page by page, each event once', async () => {
    await recorded('trace-read', 1);
    const found: string[] = [];
    let pages = 0;
    for (
      let path: string | undefined = `AuditEvent?patient=${patient}&_count=3&date=lt2100`;
      path !== undefined;
      pages++
    ) {
      const { json: bundle } = await plane.fhir(project, path);
      expect(bundle.type).toBe('searchset');
      found.push(...bundle.entry.map(({ resource }) => resource.id));
      const next = bundle.link.find(({ relation }) => relation === 'next')?.url;
      path = next === undefined ? undefined : `AuditEvent${new URL(next).search}`;
    }
    expect(pages).toBeGreaterThan(1);
    expect(new Set(found).size).toBe(found.length);
    const first = found[0] ?? '';
    const read = await plane.fhir(project, `AuditEvent/${first}`);
    expect([read.status, read.headers.etag, read.json.id]).toEqual([200, 'W/"1"', first]);
    expect((await plane.fhir(project, `AuditEvent/${first}/_history/1`)).status).toBe(200);
    expect((await plane.fhir(project, `AuditEvent/${first}/_history/2`)).status).toBe(404);
    expect((await plane.fhir(project, `AuditEvent/${first}/_history`)).json.total).toBe(1);
    expect((await plane.fhir(project, 'AuditEvent?_summary=count&outcome=4')).json.total).toBeGreaterThan(0);
  });

  test('cannot be written by PUT, PATCH, $meta-add, DELETE, a Bundle or GraphQL', async () => {
    const { json: bundle } = await plane.fhir(project, 'AuditEvent?_count=1&_sort=-date');
    const event = bundle.entry[0]?.resource;
    const id = event?.id ?? '';
    const put = { method: 'PUT', headers: { 'content-type': 'application/fhir+json' }, body: JSON.stringify(event) };
    const patch = {
      method: 'PATCH',
      headers: { 'content-type': 'application/json-patch+json' },
      body: '[{"op":"remove","path":"/agent"}]',
    };
    const meta = { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [{ code: 'x' }] } }] };
    expect((await plane.fhir(project, `AuditEvent/${id}`, put)).status).toBe(403);
    expect((await plane.fhir(project, `AuditEvent/${id}`, patch)).status).toBe(403);
    expect((await plane.fhir(project, `AuditEvent/${id}`, { method: 'DELETE' })).status).toBe(403);
    expect((await post(`AuditEvent/${id}/$meta-add`, meta)).status).toBe(403);
    const graphql = await plane.fhir(project, '$graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `mutation { AuditEventDelete(id: "${id}") { id } }` }),
    });
    expect(graphql.text).toContain('errors');
    expect((await plane.fhir(project, `AuditEvent/${id}`)).json).toEqual(event);
  });
});

describe('a strict audit (AUDIT_READS=strict)', () => {
  let strict: TestPlane;
  let target: TestProject;
  let database: OwnedConnection;
  beforeAll(async () => {
    strict = await aDataPlane({ auditReads: 'strict' });
    target = await strict.createProject('strict');
    database = await connectOnce(target.tenantUrl);
  });
  afterAll(async () => {
    await database.close();
    await strict.close();
  });

  test('has written the entry when the answer is there', async () => {
    await strict.fhir(target, 'Patient?name=x', { headers: { 'x-request-id': 'strict-1' } });
    const text = `SELECT entity FROM audit_event WHERE request_id = 'strict-1'`;
    expect(await database.query(compiledSql({ text, values: [] }))).toEqual([{ entity: 'Patient?name=x' }]);
  });

  test('lets no answer out that it could not record', async () => {
    const rename = (from: string, to: string) =>
      database.query(compiledSql({ text: `ALTER TABLE ${from} RENAME TO ${to}`, values: [] }));
    await rename('audit_event', 'away');
    try {
      const answer = await strict.fhir(target, 'Patient?name=unrecorded');
      expect(answer.status).toBe(503);
      expect(answer.text).not.toContain('searchset');
    } finally {
      await rename('away', 'audit_event');
    }
    expect((await strict.fhir(target, 'Patient?name=x')).status).toBe(200);
  });
});

describe('a log-in is recorded, whether it succeeds or not', () => {
  const person = { email: 'owner@quay.example', firstName: 'Ana', lastName: 'Quay' };
  let people: TestProject;
  let database: OwnedConnection;
  beforeAll(async () => {
    const passwordHash = await hashPassword('a long enough password', 'test');
    people = await plane.createProject('people', undefined, { ...person, passwordHash });
    database = await connectOnce(people.tenantUrl);
  });
  afterAll(() => database.close());

  async function entriesOf(requestId: string): Promise<object[]> {
    const text = `SELECT action::text, outcome, agent, entity, detail FROM audit_event WHERE request_id = $1 AND action = 'E'`;
    for (let tries = 0; ; tries++) {
      const rows = await database.query<{ agent: string }>(compiledSql({ text, values: [requestId] }));
      if (rows.length > 0 || tries > 1_000) return rows;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const logIn = (password: string, requestId: string, email = person.email) =>
    plane.call({
      method: 'POST',
      path: `${people.path}auth/login`,
      headers: { 'content-type': 'application/json', 'x-request-id': requestId },
      body: JSON.stringify({ email, password, codeChallenge: 'x'.repeat(43), codeChallengeMethod: 'S256' }),
    });

  test('by a person', async () => {
    expect((await logIn('a long enough password', 'login-good')).status).toBe(200);
    expect(await entriesOf('login-good')).toEqual([
      { action: 'E', outcome: 0, agent: expect.stringMatching(/^User\/.{36}$/), entity: 'auth/login', detail: null },
    ]);
    expect((await logIn('wrong', 'login-bad')).status).toBe(400);
    expect(await entriesOf('login-bad')).toEqual([
      {
        action: 'E',
        outcome: 4,
        agent: 'User/unknown',
        entity: 'auth/login',
        detail: expect.stringContaining(person.email),
      },
    ]);
    expect(JSON.stringify(await entriesOf('login-bad'))).not.toContain('wrong');
  });

  test('by a client', async () => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: people.clientId,
      client_secret: 'wrong',
    });
    await plane.call({
      method: 'POST',
      path: `${people.path}oauth2/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-request-id': 'token-bad' },
      body: body.toString(),
    });
    expect(await entriesOf('token-bad')).toMatchObject([
      { outcome: 4, agent: `ClientApplication/${people.clientId}`, entity: 'oauth2/token' },
    ]);
  });
});

test('a denied administration route is recorded once, with what was wanted', async () => {
  const requestId = 'trace-denied-admin';
  const answer = await plane.call({
    path: `${project.path}admin/projects/00000000-0000-4000-8000-000000000000`,
    headers: { authorization: `Bearer ${await plane.token(project)}`, 'x-request-id': requestId },
  });
  expect(answer.status).toBe(403);
  expect(short(await recorded(requestId, 1))).toEqual([expect.stringMatching(/^R 4 /)]);
});
