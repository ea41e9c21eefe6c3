/** What a member with policies is shown through the server: `$graphql`, `$everything`, conditional reads, error answers. */
import { aProjectWithAdmin, type AdministeredProject, type Member } from './admin.fixture.js';

let project: AdministeredProject;
let nurse: Member;

/** What JSON.parse gives: each test looks into it where it knows the form. */
type Json = ReturnType<typeof JSON.parse>;

const resources = [
  { resourceType: 'Organization', id: 'north', name: 'North' },
  { resourceType: 'Practitioner', id: 'kim', name: [{ family: 'Kim' }] },
  patient('ana', 'female'),
  patient('bo', 'male'),
  observation('of-ana', 'ana', 'final'),
  observation('draft-of-ana', 'ana', 'preliminary'),
  observation('of-bo', 'bo', 'final'),
  {
    resourceType: 'Encounter',
    id: 'visit',
    status: 'planned',
    class: { code: 'AMB' },
    subject: { reference: 'Patient/ana' },
  },
];

function patient(id: string, gender: string) {
  return {
    resourceType: 'Patient',
    id,
    gender,
    birthDate: '1970-01-02',
    name: [{ family: id, given: ['G'] }],
    managingOrganization: { reference: 'Organization/north' },
  };
}

function observation(id: string, subject: string, status: string) {
  return {
    resourceType: 'Observation',
    id,
    status,
    code: { text: 'x' },
    subject: { reference: `Patient/${subject}` },
    performer: [{ reference: 'Practitioner/kim' }],
    valueString: 'v',
  };
}

beforeAll(async () => {
  project = await aProjectWithAdmin();
  for (const resource of resources) {
    const answer = await project.fhir(`${resource.resourceType}/${resource.id}`, { method: 'PUT', body: resource });
    expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  }
  nurse = await project.member('Nurse', {
    resourceType: 'AccessPolicy',
    name: 'Women, and what was finally observed of anybody',
    resource: [
      { resourceType: 'Patient', criteria: 'Patient?gender=female', hiddenFields: ['birthDate', 'name.given'] },
      { resourceType: 'Observation', criteria: 'Observation?status=final' },
      { resourceType: 'Practitioner' },
    ],
  });
}, 60_000);
afterAll(() => project?.plane.close());

async function ask(query: string, variables: object = {}): Promise<{ data: Json; errors: Json[] }> {
  const answer = await project.fhir('$graphql', {
    method: 'POST',
    body: { query, variables },
    as: nurse,
    headers: { 'content-type': 'application/json' },
  });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  const { data, errors = [] } = JSON.parse(answer.text) as { data: Json; errors?: Json[] };
  return { data, errors };
}

const codes = (errors: readonly Json[]): string[] =>
  errors.map((error: Json) => error.extensions.resource.id as string);

describe('$graphql', () => {
  test('shows by id what may be read, with its hidden fields null', async () => {
    const { data, errors } = await ask('{ Patient(id: "ana") { id gender birthDate name { family given } } }');
    expect(errors).toEqual([]);
    expect(data).toEqual({
      Patient: { id: 'ana', gender: 'female', birthDate: null, name: [{ family: 'ana', given: null }] },
    });
  });

  test('answers null and an error for what is refused, alone and among others', async () => {
    const alone = await ask('{ Patient(id: "bo") { id } }');
    expect([alone.data, codes(alone.errors)]).toEqual([{ Patient: null }, ['forbidden']]);
    const several = await ask(
      '{ a: Patient(id: "ana") { id } b: Patient(id: "bo") { id } c: Patient(id: "x") { id } d: Encounter(id: "visit") { id } }',
    );
    expect(several.data).toEqual({ a: { id: 'ana' }, b: null, c: null, d: null });
    expect(codes(several.errors).sort()).toEqual(['forbidden', 'forbidden', 'not-found']);
  });

  test('finds, counts and pages only what may be searched', async () => {
    const { data, errors } = await ask(
      '{ PatientList { id birthDate } PatientConnection { count edges { resource { id } } } ObservationList(_sort: "_id") { id } }',
    );
    expect(errors).toEqual([]);
    expect(data.PatientList).toEqual([{ id: 'ana', birthDate: null }]);
    expect(data.PatientConnection).toEqual({ count: 1, edges: [{ resource: { id: 'ana' } }] });
    expect(data.ObservationList).toEqual([{ id: 'of-ana' }, { id: 'of-bo' }]);
  });

  test('answers null and an error for a list of a type without rule', async () => {
    const { data, errors } = await ask('{ EncounterList { id } PatientList { id } }');
    expect(data).toEqual({ EncounterList: null, PatientList: [{ id: 'ana' }] });
    expect(codes(errors)).toEqual(['forbidden']);
  });

  test('refuses a search by a hidden field', async () => {
    const { data, errors } = await ask('{ PatientList(birthdate: "1970-01-02") { id } }');
    expect([data.PatientList, codes(errors)]).toEqual([null, ['forbidden']]);
  });

  test('follows references only to what may be read', async () => {
    const { data, errors } = await ask(
      '{ ObservationList(_sort: "_id") { id subject { resource { ... on Patient { id birthDate } } } performer { resource { ... on Practitioner { id } } } } }',
    );
    expect(data.ObservationList).toEqual([
      { id: 'of-ana', subject: { resource: { id: 'ana', birthDate: null } }, performer: [{ resource: { id: 'kim' } }] },
      { id: 'of-bo', subject: { resource: null }, performer: [{ resource: { id: 'kim' } }] },
    ]);
    expect(codes(errors)).toEqual(['forbidden']);
  });

  test('lists in reverse only what may be searched', async () => {
    const { data, errors } = await ask(
      '{ Patient(id: "ana") { ObservationList(_reference: subject) { id } EncounterList(_reference: subject) { id } } }',
    );
    expect(data.Patient).toEqual({ ObservationList: [{ id: 'of-ana' }], EncounterList: null });
    expect(codes(errors)).toEqual(['forbidden']);
  });

  test('gives every member the definitions that clients build forms from', async () => {
    const { data, errors } = await ask(
      '{ StructureDefinitionList(name: "Patient") { name } SearchParameterList(base: "Patient", _count: 100) { code } }',
    );
    expect(errors).toEqual([]);
    expect(data.StructureDefinitionList).toEqual([{ name: 'Patient' }]);
    expect(data.SearchParameterList.map(({ code }: Json) => code as string)).toContain('birthdate');
  });
});

describe('$everything', () => {
  test('brings what may be searched of the types that some rule names, and skips the others', async () => {
    const answer = await project.fhir('Patient/ana/$everything', { as: nurse });
    expect(answer.status).toBe(200);
    const found = (answer.json.entry ?? [])
      .map(({ resource }: Json) => `${resource.resourceType}/${resource.id}`)
      .sort();
    expect(found).toEqual(['Observation/of-ana', 'Patient/ana', 'Practitioner/kim']);
    expect(answer.text).not.toMatch(/"1970-|"G"/);
  });

  test('is refused for a patient who may not be read', async () => {
    const answers = ['bo', 'x'].map(
      async (id) => (await project.fhir(`Patient/${id}/$everything`, { as: nurse })).status,
    );
    expect(await Promise.all(answers)).toEqual([403, 404]);
  });

  test('is not refused because a reference that makes the compartment is hidden', async () => {
    const clerk = await project.member('Clerk', {
      resourceType: 'AccessPolicy',
      resource: [{ resourceType: 'Patient' }, { resourceType: 'Observation', hiddenFields: ['performer'] }],
    });
    const answer = await project.fhir('Patient/ana/$everything', { as: clerk });
    expect(answer.text).toContain('Observation/of-ana');
    expect(answer.text).not.toContain('Practitioner/kim');
  });
});

describe('an answer that refuses', () => {
  test('comes before the entity tags are compared', async () => {
    const etag = async (id: string) => String((await project.fhir(`Patient/${id}`)).headers['etag']);
    const conditional = async (id: string) =>
      (await project.fhir(`Patient/${id}`, { as: nurse, headers: { 'if-none-match': await etag(id) } })).status;
    expect([await conditional('ana'), await conditional('bo')]).toEqual([304, 403]);
    const head = await project.fhir('Patient/bo', { method: 'HEAD', as: nurse });
    expect([head.status, head.headers['etag'], head.headers['last-modified']]).toEqual([403, undefined, undefined]);
  });

  test('is an OperationOutcome that says nothing of the resource', async () => {
    const answer = await project.fhir('Patient/bo', { as: nurse });
    expect(JSON.parse(answer.text)).toEqual({
      resourceType: 'OperationOutcome',
      id: 'forbidden',
      issue: [{ severity: 'error', code: 'forbidden', details: { text: 'Forbidden' } }],
    });
  });
});

test('a changed policy counts for tokens that were issued before', async () => {
  const policy = await project.store({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
  const member = await project.member('Temp', undefined, { accessPolicy: { reference: `AccessPolicy/${policy.id}` } });
  expect((await project.fhir('Patient/bo', { as: member })).status).toBe(200);
  const narrowed = { ...policy, resource: [{ resourceType: 'Patient', criteria: 'Patient?gender=female' }] };
  expect((await project.fhir(`AccessPolicy/${policy.id}`, { method: 'PUT', body: narrowed })).status).toBe(200);
  expect((await project.fhir('Patient/bo', { as: member })).status).toBe(403);
  expect((await project.fhir('Patient', { as: member })).json.entry).toHaveLength(1);
});
