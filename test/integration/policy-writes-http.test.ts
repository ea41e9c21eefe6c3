/** Writes under a policy through the server: statuses, outcomes, and GraphQL mutations. */
import { aProjectWithAdmin, type AdministeredProject, type Member } from './admin.fixture.js';

let project: AdministeredProject;
let nurse: Member;

/** What JSON.parse gives: each test looks into it where it knows the form. */
type Json = ReturnType<typeof JSON.parse>;

const patient = (id: string, gender: string, more: object = {}) => ({
  resourceType: 'Patient',
  id,
  gender,
  birthDate: '1970-01-02',
  ...more,
});

beforeAll(async () => {
  project = await aProjectWithAdmin();
  for (const resource of [patient('ana', 'female'), patient('bo', 'male'), patient('cy', 'female')]) {
    const answer = await project.fhir(`Patient/${resource.id}`, { method: 'PUT', body: resource });
    expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  }
  nurse = await project.member('Nurse', {
    resourceType: 'AccessPolicy',
    name: 'Women, unless they are locked',
    resource: [
      {
        resourceType: 'Patient',
        criteria: 'Patient?gender=female',
        hiddenFields: ['birthDate'],
        writeConstraint: [{ language: 'text/fhirpath', expression: 'active.exists() implies active = true' }],
      },
    ],
  });
}, 60_000);
afterAll(() => project?.plane.close());

describe('a refused write', () => {
  test.each([
    ['PUT of what is not granted', 'PUT', 'Patient/bo', patient('bo', 'female'), 403, 'forbidden'],
    ['PUT out of reach', 'PUT', 'Patient/ana', patient('ana', 'male'), 403, 'forbidden'],
    ['PUT against a constraint', 'PUT', 'Patient/ana', patient('ana', 'female', { active: false }), 403, 'forbidden'],
    ['POST of what is not granted', 'POST', 'Patient', patient('x', 'male'), 403, 'forbidden'],
    ['DELETE of what is not granted', 'DELETE', 'Patient/bo', undefined, 403, 'forbidden'],
    ['PUT of an unknown id', 'PUT', 'Patient/nobody', patient('nobody', 'female'), 404, 'not-found'],
    [
      'POST of a type without a rule',
      'POST',
      'Basic',
      { resourceType: 'Basic', code: { text: 'x' } },
      403,
      'forbidden',
    ],
  ])('is answered with its status and outcome: %s', async (_, method, path, body, status, id) => {
    const answer = await project.fhir(path, { method, as: nurse, ...(body === undefined ? {} : { body }) });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      status,
      {
        resourceType: 'OperationOutcome',
        id,
        issue: [{ severity: 'error', code: id, details: { text: expect.any(String) } }],
      },
    ]);
  });
});

describe('a write of what the caller may not read', () => {
  const put = (as: Member, headers: Record<string, string> = {}) =>
    project.fhir('Patient/bo', {
      method: 'PUT',
      as,
      headers,
      body: patient('bo', 'male', { birthDate: '1970-01-03' }),
    });

  test('is carried out and answered without the resource, alone and in a Bundle', async () => {
    const blind = await project.member('Blind', {
      resourceType: 'AccessPolicy',
      resource: [{ resourceType: 'Patient', interaction: ['update'], readonlyFields: ['birthDate'] }],
    });
    const plain = await put(blind);
    expect([plain.status, plain.text]).toEqual([200, '']);
    const wanted = await put(blind, { prefer: 'return=representation', 'x-medplum': 'extended' });
    expect([wanted.status, wanted.text]).toEqual([200, '']);
    const told = await put(blind, { prefer: 'return=OperationOutcome' });
    expect(JSON.parse(told.text)).toMatchObject({ resourceType: 'OperationOutcome', id: 'ok' });
    for (const type of ['batch', 'transaction']) {
      const entry = [{ request: { method: 'PUT', url: 'Patient/bo' }, resource: patient('bo', 'male') }];
      const body = { resourceType: 'Bundle', type, entry };
      const { status, text } = await project.fhir('', { method: 'POST', as: blind, body });
      expect([status, text]).toEqual([200, expect.stringContaining('"status":"200"')]);
      expect(JSON.parse(text).entry[0]).not.toHaveProperty('resource');
    }
    const patch = { method: 'PATCH', as: blind, body: [], headers: { 'content-type': 'application/json-patch+json' } };
    expect((await project.fhir('Patient/bo', patch)).status).toBe(403);
  });
});

describe('an entry with a conditional reference', () => {
  let clerk: Member;
  const about = (subject: string) => ({
    resource: { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: subject } },
    request: { method: 'POST', url: 'Observation' },
  });
  const send = (...entry: object[]) =>
    project.fhir('', { method: 'POST', as: clerk, body: { resourceType: 'Bundle', type: 'transaction', entry } });

  beforeAll(async () => {
    clerk = await project.member('Clerk', {
      resourceType: 'AccessPolicy',
      compartment: { reference: 'Organization/clerks' },
      resource: [
        { resourceType: 'Patient', readonly: true },
        {
          resourceType: 'Observation',
          criteria: 'Observation?subject=Patient/ana&_compartment=Organization/clerks',
          writeConstraint: [
            {
              language: 'text/fhirpath',
              expression: "subject.reference = 'Patient/ana' and meta.accounts.reference = 'Organization/clerks'",
            },
          ],
        },
      ],
    });
  });

  test('is judged by the resource to which it leads, and by where it is filed then', async () => {
    const made = await send(about('Patient?_id=ana'));
    expect([made.status, made.json.entry[0]?.response.status]).toEqual([200, '201']);
    const refused = await send(about('Patient?_id=ana'), about('Patient?_id=bo'));
    expect([refused.status, refused.json.id]).toEqual([403, 'forbidden']);
    expect((await project.fhir('Observation', { as: clerk })).json.entry).toHaveLength(1);
  });
});

describe('a GraphQL mutation', () => {
  const mutate = async (query: string, res?: object): Promise<{ data: Json; codes: string[] }> => {
    const answer = await project.fhir('$graphql', {
      method: 'POST',
      body: { query, ...(res === undefined ? {} : { variables: { res } }) },
      as: nurse,
      headers: { 'content-type': 'application/json' },
    });
    const { data, errors = [] } = JSON.parse(answer.text) as { data: Json; errors?: Json[] };
    return { data, codes: errors.map((error: Json) => error.extensions.resource.id as string) };
  };
  const create = 'mutation ($res: ResourceInput!) { PatientCreate(res: $res) { id gender birthDate } }';
  const update = (id: string) =>
    `mutation ($res: ResourceInput!) { PatientUpdate(id: "${id}", res: $res) { id gender birthDate } }`;

  test('is refused like the interaction that it is, by constraints too', async () => {
    const refusals = [
      await mutate(create, patient('x', 'male')),
      await mutate(create, patient('x', 'female', { active: false })),
      await mutate(update('bo'), patient('bo', 'female')),
      await mutate(update('cy'), patient('cy', 'male')),
      await mutate('mutation { PatientDelete(id: "bo") { id } }'),
    ];
    for (const { codes } of refusals) expect(codes).toEqual(['forbidden']);
    expect(JSON.parse((await project.fhir('Patient/bo')).text)).toMatchObject({ gender: 'male' });
    expect(JSON.parse((await project.fhir('Patient/cy')).text)).toMatchObject({ gender: 'female' });
  });

  test('that is granted keeps hidden fields and does not show them', async () => {
    const { data, codes } = await mutate(update('cy'), {
      resourceType: 'Patient',
      id: 'cy',
      gender: 'female',
      active: true,
    });
    expect([data, codes]).toEqual([{ PatientUpdate: { id: 'cy', gender: 'female', birthDate: null } }, []]);
    expect(JSON.parse((await project.fhir('Patient/cy')).text)).toMatchObject({
      birthDate: '1970-01-02',
      active: true,
    });
  });
});
