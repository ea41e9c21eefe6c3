import { buildClientSchema, getIntrospectionQuery, printType, validateSchema } from 'graphql';
import { fhirVersion, supportedFhirVersions } from '#fhir';
import { executeGraphql } from '../execution/execute-graphql.js';
import { memorySource } from '../memory-source.fixture.js';
import { describedSchema, fhirSchema } from './fhir-schema.js';

describe.each(supportedFhirVersions())('the schema of FHIR $label', ({ id }) => {
  const version = fhirVersion(id);
  const schema = fhirSchema(version);

  it('is made once', () => {
    expect(fhirSchema(version)).toBe(schema);
  });

  it('is valid', () => {
    // What is described has all types and arguments of the whole, each once and not in every type.
    const described = describedSchema(version);
    const errors = validateSchema(Object.assign(described, { __validationErrors: undefined }));
    expect(errors).toEqual([]);
  });

  it('has the fields and types that the standard names', () => {
    const patient = schema.getType('Patient');
    const query = schema.getQueryType()?.getFields() ?? {};
    expect(Object.keys(query)).toEqual(
      expect.arrayContaining(['Patient', 'PatientList', 'PatientConnection', 'ProjectMembershipList']),
    );
    expect(query.ConditionList?.args.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'clinical_status',
        'patient',
        '_id',
        '_filter',
        '_sort',
        '_count',
        '_offset',
        'fhirpath',
      ]),
    );
    expect(query.PatientConnection?.args.map(({ name }) => name)).toContain('_cursor');
    expect(String(query.PatientList?.type)).toBe('[Patient]');
    const fields = patient && 'getFields' in patient ? patient.getFields() : {};
    expect(String(fields.contact?.type)).toBe('[PatientContact]');
    expect(String(fields._birthDate?.type)).toBe('Element');
    expect(Object.keys(fields)).toEqual(expect.arrayContaining(['ObservationList', 'TaskConnection', 'resourceType']));
    const connection = schema.getType('PatientConnection');
    expect(connection && printType(connection)).toMatch(/count.*offset.*pagesize.*edges.*first.*previous.*next.*last/s);
  });

  it('holds no secret of a client or user', () => {
    for (const [type, member] of [
      ['ClientApplication', 'secret'],
      ['User', 'passwordHash'],
    ] as const) {
      const object = schema.getType(type);
      expect(object && 'getFields' in object ? Object.keys(object.getFields()) : []).not.toContain(member);
    }
  });

  it('tells about one type', async () => {
    const { body } = await executeGraphql(memorySource([], { version }), {
      query: '{ __type(name: "Period") { name fields { name type { name } } } }',
    });
    expect(JSON.parse(body).data.__type.fields).toContainEqual({ name: 'start', type: { name: 'String' } });
    const patient = await executeGraphql(memorySource([], { version }), {
      query: '{ __type(name: "Patient") { fields { name } } }',
    });
    expect(JSON.parse(patient.body).data.__type.fields).toContainEqual({ name: 'ProvenanceList' });
  });
});

// One of them; describing all would take most of a minute on a busy machine.
it('the schema of a version can be read by the usual tools', async () => {
  const version = fhirVersion(supportedFhirVersions()[0]?.id ?? '');
  const source = memorySource([], { version });
  const { status, body } = await executeGraphql(source, {
    query: getIntrospectionQuery(),
    operationName: 'IntrospectionQuery',
  });
  expect(status).toBe(200);
  const read = buildClientSchema(JSON.parse(body).data);
  expect(read.getQueryType()?.getFields().PatientList?.args.length).toBeGreaterThan(20);
  expect(read.getDirective('flatten')).toBeDefined();
  const again = await executeGraphql(source, { query: getIntrospectionQuery(), operationName: 'IntrospectionQuery' });
  expect(again.body).toBe(body);
  // Describing takes seconds of the process, so other words for the same question have to wait.
  const otherwise = executeGraphql(source, { query: '{ __schema { types { name } } }' });
  await expect(otherwise).rejects.toMatchObject({ category: 'unavailable' });
}, 60_000);

describe('a question about types', () => {
  const version = fhirVersion(supportedFhirVersions()[1]?.id ?? '');
  const ask = (query: string) => executeGraphql(memorySource([], { version }), { query });
  const aliases = Array.from({ length: 300 }, (_, index) => `a${index}: name`).join(' ');

  it.each([
    ['an argument under many names', `{ __type(name: "Query") { fields { args { ${aliases} } } } }`],
    ['arguments under two names', '{ __type(name: "Query") { fields { a: args { name } b: args { name } } } }'],
    [
      'names in fragments',
      '{ __type(name: "Query") { fields { args { ...F ...G } } } } fragment F on __InputValue { a: name } fragment G on __InputValue { b: name }',
    ],
    [
      'lists that are put together',
      '{ __type(name: "Query") { fields { args { name } } fields { args { x: name } } } }',
    ],
  ])('is refused when it asks for %s', async (_name, query) => {
    const { status, body } = await ask(query);
    expect([status, JSON.parse(body).errors[0].message]).toEqual([400, expect.stringMatching(/once in one place/)]);
  });

  it('is refused when all of them together ask for hundreds of fields', async () => {
    const types = `type { ${'kind ofType { '.repeat(45)} name ${'}'.repeat(46)}`;
    const one = (alias: string) => `${alias}: __type(name: "Query") { fields { ${types} } }`;
    expect((await ask(`{ ${one('a')} }`)).status).toBe(200);
    const { status, body } = await ask(`{ ${['a', 'b', 'c', 'd', 'e'].map(one).join(' ')} }`);
    expect([status, JSON.parse(body).errors[0].message]).toEqual([400, 'The question about the schema goes too deep.']);
  });

  it('that took long is followed by a pause, and by the same answer to the same question', async () => {
    const deep = (description: string) =>
      `{ ${['Query', 'Patient', 'Encounter', 'Observation', 'Group'].map((type) => `${type}: __type(name: "${type}") { fields { args { name ${description} type { name kind ofType { name kind } } } } }`).join(' ')} }`;
    const first = await ask(deep('description'));
    expect(first.status).toBe(200);
    await expect(ask(deep('defaultValue'))).rejects.toMatchObject({ category: 'unavailable' });
    expect(await ask(deep('description'))).toEqual(first);
  });
});
