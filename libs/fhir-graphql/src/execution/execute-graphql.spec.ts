import { memorySource } from '../memory-source.fixture.js';
import { ask, resources } from './ask.fixture.js';
import { executeGraphql } from './execute-graphql.js';

describe('a query for one resource', () => {
  it('gives the fields asked for, under their aliases, also of primitives with extensions', async () => {
    const { data, status, errors } = await ask(
      '{ who: Patient(id: "a") { resourceType id birthDate _birthDate { extension { valueString } } contact { name { family } } } }',
    );
    expect({ status, errors }).toEqual({ status: 200, errors: undefined });
    expect(data).toEqual({
      who: {
        resourceType: 'Patient',
        id: 'a',
        birthDate: '1990-04-01',
        _birthDate: { extension: [{ valueString: 'noon' }] },
        contact: null,
      },
    });
  });

  it('takes an id without quotes, as the examples of the standard have it', async () => {
    expect((await ask('{ Patient(id: a) { id } }')).data).toEqual({ Patient: { id: 'a' } });
  });

  it('is null with an error when there is no such resource, and leaves the other fields alone', async () => {
    const { status, data, errors } = await ask('{ none: Patient(id: "x") { id } some: Patient(id: "a") { id } }');
    expect({ status, data }).toEqual({ status: 200, data: { none: null, some: { id: 'a' } } });
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({
      message: 'Not found',
      path: ['none'],
      extensions: { resource: { resourceType: 'OperationOutcome', id: 'not-found' } },
    });
  });

  it('is null with an error when its type is not granted', async () => {
    const { data, errors, text } = await ask(
      '{ Organization(id: "o") { name } }',
      {},
      { forbiddenTypes: ['Organization'] },
    );
    expect(data).toEqual({ Organization: null });
    expect(errors?.[0]?.extensions.resource.id).toBe('forbidden');
    expect(text).not.toContain('Harbour');
  });

  it('writes numbers as they are stored', async () => {
    const { text } = await ask('{ ObservationList { id valueQuantity { value } } }');
    expect(text.match(/"value":[^}]*/g)).toEqual(
      ['1.00', '2.50', '3', '1e3', '5'].map((number) => `"value":${number}`),
    );
  });
});

describe('a request about one resource', () => {
  const instance = { type: 'Patient', id: 'b' };

  it('has the fields of the resource at its root', async () => {
    const { data, errors } = await ask(
      'query Q { id active generalPractitioner { resource { id } } ObservationList(_reference: subject) { id } }',
      { instance },
    );
    expect(data).toEqual({
      id: 'b',
      active: false,
      generalPractitioner: [{ resource: null }],
      ObservationList: [{ id: 'o4' }],
    });
    expect(errors?.[0]?.path).toEqual(['generalPractitioner', 0, 'resource']);
  });

  it('throws when the resource cannot be shown', async () => {
    await expect(ask('{ id }', { instance: { type: 'Patient', id: 'x' } })).rejects.toMatchObject({
      category: 'not-found',
    });
  });

  it('knows no other root', async () => {
    expect((await ask('{ PatientList { id } }', { instance })).status).toBe(400);
  });
});

describe('what is wrong with a document', () => {
  it.each([
    ['{', 'Syntax Error'],
    ['{ Patient(id: "a") { colour } }', 'Cannot query field "colour"'],
    ['{ Unicorn(id: "a") { id } }', 'Cannot query field "Unicorn"'],
    ['{ Patient(id: "a") { constructor } }', 'Cannot query field "constructor"'],
    ['{ Patient(id: "a") { __proto__ { id } } }', 'Cannot query field "__proto__"'],
    ['{ PatientList(colour: "x") { id } }', 'Unknown argument "colour"'],
    ['{ Patient(id: "a") { ObservationList { id } } }', '_reference'],
    ['{ Patient(id: "a") { ObservationList(_reference: colour) { id } } }', 'ObservationReferenceParameter'],
    ['query ($x: Int) { PatientList(name: $x) { id } }', 'Variable "$x"'],
    ['query ($x: String!) { PatientList(name: $x) { id } }', 'Variable "$x"'],
    ['query A { Patient(id: "a") { id } } query B { Patient(id: "b") { id } }', 'several operations'],
    ['subscription { Patient(id: "a") { id } }', 'cannot be made by GraphQL'],
    ['{ ...F } fragment F on Query { ...F }', 'Cannot spread fragment'],
    [`{ ${'a: Patient(id: "a") { id } '.repeat(21)} }`, 'more than 20 fields'],
    [
      `{ Patient(id: "a") { ${Array.from({ length: 2000 }, (_, index) => `f${index}: id`).join(' ')} } }`,
      'more than 2000 fields',
    ],
    [`{ Patient(id: "a") { ${Array.from({ length: 10_000 }, () => 'id').join(' ')} } }`, 'more than 10000 tokens'],
    [`{ QuestionnaireList { ${'item { '.repeat(13)} linkId ${'} '.repeat(13)} } }`, 'nested more than 12'],
    [
      '{ PatientList(_count: 1000) { ObservationList(_reference: subject, _count: 100) { id } } }',
      'may touch 101000 resources',
    ],
    [
      '{ PatientList(_count: 300) { ObservationConnection(_reference: subject, _count: 1) { count } } }',
      'may cause 301 searches',
    ],
    ['{ __type(name: "Patient") { fields { type { fields { name } } } } }', 'too deep'],
    ['{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }', 'too deep'],
    ['{ __schema { queryType { name } } Patient(id: "a") { id } }', 'separate requests'],
    ['{ a: __schema { queryType { name } } b: __schema { queryType { name } } }', 'once'],
  ])('%.80s', async (query, message) => {
    const { status, text, calls, data } = await ask(query);
    expect([status, data, calls]).toEqual([400, undefined, []]);
    expect(text).toContain(JSON.stringify(message).slice(1, -1));
    expect(JSON.parse(text).errors[0].extensions.resource.resourceType).toBe('OperationOutcome');
  });

  it.each([{ n: 'x' }, { n: 1.5 }])('refuses variables of another type: %j', async (variables) => {
    const { status, data, errors } = await ask('query ($n: Int) { PatientList(_count: $n) { id } }', { variables });
    expect([status, data]).toEqual([400, undefined]);
    expect(errors?.[0]?.message).toContain('Variable "$n" got invalid value');
  });

  it.each([
    ['selections', `${'{a'.repeat(4900)}${'}'.repeat(4900)}`],
    ['lists', `{ PatientList(name: ${'['.repeat(4900)}${']'.repeat(4900)}) { id } }`],
    ['objects', `mutation { PatientCreate(res: ${'{a:'.repeat(2400)}1${'}'.repeat(2400)}) { id } }`],
    ['types', `query ($a: ${'['.repeat(4900)}Int${']'.repeat(4900)}) { PatientList { id } }`],
  ])('refuses %s that would use up the stack', async (_name, query) => {
    const { status, errors } = await ask(query);
    expect(status).toBe(400);
    expect(errors?.[0]?.message).toContain('nested more than 80 deep');
  });

  it.each(['mutation ($r: ResourceInput!) { PatientCreate(res: $r) { id } }', '{ __schema { queryType { name } } }'])(
    'refuses variables that would use up the stack: %s',
    async (query) => {
      const r = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as unknown;
      const { status, errors } = await ask(query, { variables: { r } });
      expect([status, errors?.[0]?.message]).toEqual([400, 'Variables may not be nested more than 80 deep.']);
    },
  );

  it('is quick to refuse what would be slow to validate', async () => {
    const before = process.cpuUsage();
    expect((await ask(`{ PatientList { id } } fragment F on Patient { ${'id '.repeat(9_900)} }`)).status).toBe(400);
    expect(
      (
        await ask(
          `{ ${Array.from({ length: 90 }, (_, index) => `a${index}: Patient(id: a) { ${'id '.repeat(20)} }`).join(' ')} }`,
        )
      ).status,
    ).toBe(200);
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  });

  it('has a limit that counts fragments each time they are used', async () => {
    const doubling = Array.from(
      { length: 20 },
      (_, level) => `fragment F${level} on Patient { ${level === 19 ? 'id' : `...F${level + 1} ...F${level + 1}`} }`,
    );
    const before = process.cpuUsage();
    expect((await ask(`{ Patient(id: "a") { ...F0 } } ${doubling.join(' ')}`)).text).toContain('more than 2000 fields');
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  });

  it.each([
    [
      'twice each',
      Array.from({ length: 40 }, (_, level) => `fragment F${level} on Query { ...F${level + 1} ...F${level + 1} }`),
    ],
    [
      'each other',
      Array.from(
        { length: 40 },
        (_, one) =>
          `fragment F${one} on Query { ${Array.from({ length: 40 }, (_, other) => `...F${other}`).join(' ')} }`,
      ),
    ],
  ])('is not caught by fragments that stand for nothing and are spread %s', async (_name, fragments) => {
    const { status, errors } = await ask(`{ ...F0 } ${fragments.join(' ')} fragment F40 on Query { ...Nope }`);
    expect(status).toBe(400);
    expect(errors?.length).toBeGreaterThan(0);
  });

  it('measures questions about the schema wherever they stand', async () => {
    const { errors } = await ask(`{ Patient(id: "a") { __type { ${'name '.repeat(5_000)} } } }`);
    expect(errors?.[0]?.message).toContain("more than 20 fields 'name' in one place");
  });

  it('lets the failures of the source through', async () => {
    const failure = new Error('the database is away');
    const source = { ...memorySource(resources), search: () => Promise.reject(failure) };
    await expect(executeGraphql(source, { query: '{ PatientList { id } }' })).rejects.toBe(failure);
  });
});

describe('an answer that grows beyond its limits', () => {
  const aliases = (count: number, field: string) =>
    Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ');
  const many = (count: number, member: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => member(index)).join(',');
  const patient = (members: string) => `{"resourceType":"Patient","id":"big","meta":{},${members}}`;
  const names = `"name":[${many(20_000, (index) => `{"family":"f${index}"}`)}]`;

  it.each([
    ['fields of elements', names, `name { ${aliases(1_900, 'family')} }`],
    ['names of types', names, `name { ${aliases(1_900, '__typename')} }`],
    ['names of types in fragments', names, `name { ${aliases(900, '__typename')} ...F ...F }`],
    ['values of a list', `"name":[{"given":[${many(20_000, () => '"x"')}]}]`, `name { ${aliases(1_900, 'given')} }`],
    [
      'extensions of values',
      `"name":[{"given":["x"],"_given":[${many(20_000, () => '{"id":"x"}')}]}]`,
      `name { _given { ${aliases(1_900, '__typename')} } }`,
    ],
    [
      'fields of references',
      `"generalPractitioner":[${many(1_000, () => '{"reference":"#x"}')}],"contained":[{"resourceType":"Practitioner","id":"x"}]`,
      `generalPractitioner { resource { ${aliases(1_900, '__typename')} } }`,
    ],
    ['elements that are not chosen', names, aliases(900, 'name(use: "old") { id }')],
    ['elements that an expression does not choose', names, aliases(900, 'name(fhirpath: "false") { id }')],
    [
      'large elements on which expressions take long',
      `"contact":[{"telecom":[${many(2_000, () => '{"system":"phone"}')}]}]`,
      aliases(800, `contact(fhirpath: "telecom.where(system='fax').exists()") { id }`),
    ],
    ['elements whose slices are named', names, aliases(60, 'name(_count: 500) @slice(path: "family") { id }')],
    ['long texts', `"text":{"div":"${'x'.repeat(1_000_000)}"}`, `text { ${aliases(70, 'div')} }`],
    [
      'long names',
      `"name":[${many(2_000, () => '{"family":"f"}')}]`,
      `name { ${many(1, () => 'n'.repeat(40_000))}: family }`,
    ],
    [
      'long errors',
      names,
      `name(_count: 1) { id } generalPractitioner { ${aliases(70, `resource(type: $type) { id }`)} }`,
      `"generalPractitioner":[{"reference":"#x"}]`,
    ],
  ])('is refused: %s', async (_name, members, fields, more = '"active":true') => {
    const { status, body } = await executeGraphql(memorySource([patient(`${members},${more}`)]), {
      query: `${fields.includes('$type') ? 'query ($type: String) ' : ''}{ Patient(id: "big") { ${fields} } } ${fields.includes('...F') ? `fragment F on HumanName { ${aliases(500, '__typename')} }` : ''}`,
      variables: { type: 'x'.repeat(1_000_000) },
    });
    expect(status).toBe(400);
    const [error, ...others] = JSON.parse(body).errors;
    expect([error.extensions.resource.issue[0].code, others]).toEqual(['too-costly', []]);
    expect(body.length).toBeLessThan(1_000);
  });

  it('may have as many values as the limit says', async () => {
    const source = memorySource([patient(`"name":[${many(5_000, (index) => `{"family":"f${index}"}`)}]`)]);
    const { status } = await executeGraphql(source, {
      query: `{ Patient(id: "big") { name { ${aliases(38, 'family')} } } }`,
    });
    expect(status).toBe(200);
  });
});

describe('mutations', () => {
  const log: string[] = [];
  const written = (type: string, id: string, text: string) => {
    log.push(`${type}/${id} ${text}`);
    return Promise.resolve({ type, id, text: `{"resourceType":"${type}","id":"${id}","meta":{},"active":true}` });
  };
  const writer = {
    create: (type: string, text: string) => written(type, 'new', text),
    update: (type: string, id: string, text: string) => written(type, id, text),
    delete: async (type: string, id: string) => {
      log.push(`delete ${type}/${id}`);
    },
  };

  it('hand the text of literals and variables on, with the text of numbers', async () => {
    const { data, errors } = await ask(
      'mutation ($p: ResourceInput!, $n: String) { made: ObservationCreate(res: {resourceType: "Observation", status: final, valueQuantity: {value: 1.00}, note: [{text: $n}]}) { id } PatientUpdate(id: "a", res: $p) { active } PatientDelete(id: "a") { id } }',
      { variables: { p: { resourceType: 'Patient', id: 'a' }, n: 'x"y' } },
      { writer },
    );
    expect(errors).toBeUndefined();
    expect(data).toEqual({ made: { id: 'new' }, PatientUpdate: { active: true }, PatientDelete: null });
    expect(log).toEqual([
      'Observation/new {"resourceType":"Observation","status":"final","valueQuantity":{"value":1.00},"note":[{"text":"x\\"y"}]}',
      'Patient/a {"resourceType":"Patient","id":"a"}',
      'delete Patient/a',
    ]);
  });

  it('are refused where nothing may be changed', async () => {
    expect((await ask('mutation { PatientDelete(id: "a") { id } }')).status).toBe(405);
  });

  it('cannot be sent to the address of a resource', async () => {
    const { status } = await ask(
      'mutation { PatientDelete(id: "a") { id } }',
      { instance: { type: 'Patient', id: 'a' } },
      { writer },
    );
    expect(status).toBe(400);
  });
});
