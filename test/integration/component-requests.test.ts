/**
 * What the published React components for FHIR apps send, request by request, as the package writes it: parameter order,
 * empty texts, trailing slashes and all. The components show nothing, or an error, if one of these is refused.
 */
import { type Answer, aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { IdentityClient, jsonOf } from './identity.fixture.js';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;
/** Bearer tokens: of the admin client, without a policy, and of a client that sees what one organization has. */
const tokens = { admin: '', limited: '' };
const made = { patient: '', hidden: '' };

type Sender = keyof typeof tokens;

const headersOf = (sender: Sender): Record<string, string> => ({
  authorization: `Bearer ${tokens[sender]}`,
  accept: 'application/fhir+json, */*; q=0.1',
  'x-medplum': 'extended',
  origin: 'https://app.example.org',
});

const get = (sender: Sender, path: string): Promise<Answer> =>
  plane.call({ path: `${north.path}${path}`, headers: headersOf(sender) });

const graphql = async (sender: Sender, query: string): Promise<Record<string, Record<string, unknown>[] | null>> => {
  const answer = await plane.call({
    method: 'POST',
    path: `${north.path}fhir/R4/$graphql`,
    headers: { ...headersOf(sender), 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = jsonOf<{ data: Record<string, Record<string, unknown>[] | null>; errors?: unknown }>(answer);
  expect(errors).toBeUndefined();
  return data;
};

beforeAll(async () => {
  plane = await aDataPlane();
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
  const organization = await app.create({ resourceType: 'Organization', name: 'Anchor' });
  const policy = await app.create({
    resourceType: 'AccessPolicy',
    resource: [{ resourceType: '*', criteria: `*?_compartment=Organization/${organization.id}` }],
  });
  const accounts = { accounts: [{ reference: `Organization/${organization.id}` }] };
  const name = [{ given: ['Ada'], family: 'Alder' }];
  const admin = { ...headersOf('admin'), authorization: `Bearer ${await plane.token(north)}` };
  const patient = await app.post('fhir/R4/Patient', { resourceType: 'Patient', meta: accounts, name }, admin);
  made.patient = jsonOf<{ id: string }>(patient, 201).id;
  made.hidden = (await app.create({ resourceType: 'Patient', name })).id;
  const { id, secret } = await app.createClient({
    name: 'Limited',
    accessPolicy: { reference: `AccessPolicy/${policy.id}` },
  });
  const answer = await app.form('oauth2/token', {
    grant_type: 'client_credentials',
    client_id: id,
    client_secret: secret,
  });
  tokens.admin = await plane.token(north);
  tokens.limited = jsonOf<{ access_token: string }>(answer).access_token;
}, 120_000);

afterAll(() => plane?.close());

const patientIs = (parameter: string) => (type: string) => `${type}?${parameter}=Patient%2F{patient}&_count=100`;
const newest = (query: string): string => `${query}&_sort=-_lastUpdated`;

const searches: Record<string, string[]> = {
  'a table': [
    'Patient?_total=accurate',
    'Patient?_count=20&_sort=-_lastUpdated&_total=accurate&name=ada',
    'Patient?_offset=20&_total=accurate',
    'Observation?_total=accurate&value-quantity=gt5',
  ],
  'an input of a reference, also before anything is typed': [
    'Patient?name=&_count=10',
    'Organization?name=Anch&_count=10',
    'Device?device-name=&_count=10',
    'Observation?code=&_count=10',
    'Subscription?criteria=&_count=10',
    'Encounter?_id=&_count=10',
    'Practitioner?name=x&_count=10&_profile=http%3A%2F%2Fexample.org%2Fprofile',
  ],
  'the timeline of a patient': [
    ...['Communication', 'DiagnosticReport', 'Media', 'ServiceRequest', 'Task', 'ClinicalImpression'].map(
      patientIs('subject'),
    ),
    ...['Device', 'DeviceRequest'].map(patientIs('patient')),
  ],
  'the timelines of encounters, orders and other resources': [
    'Communication?encounter=Encounter%2Fe&_count=100',
    'Media?encounter=Encounter%2Fe&_count=100',
    ...['Communication', 'DiagnosticReport', 'Media'].map((type) => `${type}?based-on=ServiceRequest%2Fs&_count=100`),
    'DocumentReference?related=ServiceRequest%2Fs&_count=100',
    'Task?_filter=based-on+eq+ServiceRequest%2Fs+or+focus+eq+ServiceRequest%2Fs+or+subject+eq+ServiceRequest%2Fs&_count=100',
  ],
  'the summary of a patient': [
    ...['AllergyIntolerance', 'Condition', 'Appointment', 'Immunization', 'Device'].map(patientIs('patient')),
    ...['MedicationRequest', 'Observation', 'Encounter', 'Procedure', 'Goal', 'ServiceRequest', 'DiagnosticReport'].map(
      patientIs('subject'),
    ),
    ...['Coverage'].map(patientIs('beneficiary')),
    'Observation?code=76690-7&subject=Patient%2F{patient}&_count=100',
    'Observation?category=vital-signs&subject=Patient%2F{patient}&_count=100',
  ].map(newest),
  'chats and their inbox': [
    'Communication?part-of=Communication%2Fc&_sort=-sent&sent:missing=false',
    'Communication?part-of:missing=true&identifier:not=ai-message&_has:Communication:part-of:_id:not=null&_total=accurate',
  ],
  'the scheduler': [
    'Slot?_count=720&schedule=Schedule%2Fx%2CSchedule%2Fy&start=gt2026-01-01T00%3A00%3A00Z&start=lt2026-02-01T00%3A00%3A00Z',
  ],
};

describe.each(Object.entries(searches))('%s', (_component, queries) => {
  test.each(queries)('sends %s', async (query) => {
    for (const sender of ['admin', 'limited'] as const) {
      const bundle = jsonOf<{ resourceType: string; type: string; entry?: { resource: { resourceType: string } }[] }>(
        await get(sender, `fhir/R4/${query.replace('{patient}', made.patient)}`),
      );
      expect(bundle).toMatchObject({ resourceType: 'Bundle', type: 'searchset' });
      const type = query.slice(0, query.indexOf('?'));
      expect((bundle.entry ?? []).filter(({ resource }) => resource.resourceType !== type)).toEqual([]);
    }
  });
});

test('an input of a user sends an address that is contained', async () => {
  const answer = await get('admin', 'fhir/R4/User?email:contains=ana&_count=10');
  expect(jsonOf(answer)).toMatchObject({ type: 'searchset' });
});

test('the total of a table counts what is granted', async () => {
  const total = async (sender: Sender): Promise<number> =>
    jsonOf<{ total: number }>(await get(sender, 'fhir/R4/Patient?_total=accurate')).total;
  expect([await total('admin'), await total('limited')]).toEqual([2, 1]);
});

describe('the schema query of tables and forms', () => {
  const schemaOf = (type: string): string =>
    `{ StructureDefinitionList(_filter: "name eq ${type}") { resourceType, name, kind, description, type, url, snapshot { element { id, path, definition, min, max, base { path, min, max }, contentReference, type { code, profile, targetProfile }, binding { strength, valueSet } } } } SearchParameterList(base: "${type}", _count: 100) { base, code, type, expression, target } }`;

  test.each(['Patient', 'Observation', 'AccessPolicy', 'Project', 'ProjectMembership', 'UserConfiguration', 'Bot'])(
    'is answered for %s, whatever the policy',
    async (type) => {
      for (const sender of ['admin', 'limited'] as const) {
        const { StructureDefinitionList: structures, SearchParameterList: parameters } = await graphql(
          sender,
          schemaOf(type),
        );
        expect(structures?.map(({ name, kind }) => [name, kind])).toEqual([[type, 'resource']]);
        expect(parameters?.length).toBeGreaterThan(0);
        expect(parameters?.every(({ base }) => (base as string[]).includes(type))).toBe(true);
      }
    },
  );
});

test('the search of the header finds by name and by identifier what is granted', async () => {
  const fields = 'resourceType id identifier { system value }';
  const patients = `${fields} name { given family } birthDate`;
  const query = `{ Patients1: PatientList(name: "Alder", _count: 5) { ${patients} } Patients2: PatientList(identifier: "Alder", _count: 5) { ${patients} } ServiceRequestList(identifier: "Alder", _count: 5) { ${fields} subject { display } } }`;
  const found = await graphql('limited', query);
  expect(found['Patients1']?.map(({ id }) => id)).toEqual([made.patient]);
  expect([found['Patients2'], found['ServiceRequestList']]).toEqual([[], []]);
  const byId = await graphql('limited', `{ Patients1: PatientList(_id: "${made.hidden}", _count: 1) { ${patients} } }`);
  expect(byId['Patients1']).toEqual([]);
});

test('an inbox asks for the last message of each thread in one query', async () => {
  const row = (id: string): string =>
    `thread_${id}: CommunicationList(part_of: "Communication/${id}", _sort: "-sent", _count: 1) { id meta { lastUpdated } partOf { reference } sender { display reference } payload { contentString } sent status }`;
  expect(await graphql('limited', `{ ${row('a')} ${row('b')} }`)).toEqual({ thread_a: [], thread_b: [] });
});

test('an input of references to a profile asks for its type', async () => {
  const url = 'http://hl7.org/fhir/StructureDefinition/Patient';
  const query = `{ StructureDefinitionList(url: "${url}", _sort: "_lastUpdated", _count: 1) { type, name, title } }`;
  const { StructureDefinitionList: found } = await graphql('limited', query);
  expect(found?.map(({ type }) => type)).toEqual(['Patient']);
});

test('a profile that is unknown is an empty result, and expanded a mistake', async () => {
  const url = encodeURIComponent('http://example.org/unknown');
  const found = await get('limited', `fhir/R4/StructureDefinition?url=${url}&_sort=-_lastUpdated&_count=1`);
  expect(jsonOf<{ entry?: unknown[] }>(found).entry ?? []).toEqual([]);
  const headers = { ...headersOf('limited'), 'content-type': 'application/fhir+json' };
  const expanded = await app.post(`fhir/R4/StructureDefinition/$expand-profile?url=${url}`, {}, headers);
  expect(expanded.status).toBe(400);
});

test('every answer may be read by a page of another origin, errors included', async () => {
  for (const path of ['fhir/R4/Patient', 'fhir/R4/Nothing', 'auth/me', 'nowhere']) {
    const { headers } = await get('limited', path);
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.org',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers':
        'Content-Location, ETag, Last-Modified, Location, Expires, Retry-After, X-Progress',
    });
  }
});

test('every answer below the base URL may be asked for with the headers that components add', async () => {
  for (const path of ['fhir/R4/Binary', 'auth/login', 'oauth2/token', 'admin/projects/:projectId/invite']) {
    const headers = {
      origin: 'https://app.example.org',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,cache-control,content-type,x-medplum,x-security-context',
    };
    const answer = await plane.call({ method: 'OPTIONS', path: `${north.path}${path}`, headers });
    expect([answer.status, answer.headers['access-control-allow-headers']]).toEqual([
      204,
      headers['access-control-request-headers'],
    ]);
    expect(answer.headers['access-control-allow-methods']).toBe('GET,HEAD,PUT,PATCH,POST,DELETE');
  }
});
