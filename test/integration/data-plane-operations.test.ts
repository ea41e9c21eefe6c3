/** Operations, the representation of answers, and the built-in definitions, through a whole data plane. */
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('operations');
});

afterAll(() => plane?.close());

const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { headers });
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { method: 'POST', body: JSON.stringify(body), headers });

async function create(type: string, members: object = {}): Promise<string> {
  const answer = await post(type, { resourceType: type, ...members });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.json.id;
}

const issues = (answer: Answer) =>
  answer.json.issue.map(({ severity, code, details, expression }) => ({
    severity,
    code,
    text: details.text,
    expression,
  }));
const ids = (answer: Answer) => (answer.json.entry ?? []).map(({ resource }) => resource.id);
const next = (answer: Answer) =>
  answer.json.link.find(({ relation }) => relation === 'next')?.url.split('/fhir/R4/')[1];

describe('$validate', () => {
  test('answers 200 with All OK for a valid resource, stored or sent, plain or in Parameters', async () => {
    const patient = { resourceType: 'Patient', active: true };
    const id = await create('Patient', { active: true });
    const parameters = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'resource', resource: patient },
        { name: 'mode', valueCode: 'create' },
      ],
    };
    const answers = [
      await post('Patient/$validate', patient),
      await post('Patient/$validate', parameters),
      await post('Patient/$validate?profile=http://hl7.org/fhir/StructureDefinition/Patient', patient),
      await post(`Patient/${id}/$validate?mode=update`, { ...patient, id }),
      await get(`Patient/${id}/$validate`),
      await post(`Patient/${id}/$validate?mode=delete`, undefined),
      await post('Parameters/$validate', { resourceType: 'Parameters', parameter: [{ name: 'x', valueString: 'y' }] }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.json.id, issues(answer)]).toEqual([
        200,
        'ok',
        [expect.objectContaining({ severity: 'information', text: 'All OK' })],
      ]);
    }
  });

  test('names each element that is wrong, and stores nothing', async () => {
    const answer = await post('Patient/$validate', {
      resourceType: 'Patient',
      gender: 'x',
      birthDate: 'yesterday',
      nonsense: 1,
    });
    expect(answer.status).toBe(200);
    expect(
      issues(answer)
        .map(({ expression }) => expression?.[0])
        .sort(),
    ).toEqual(['Patient.birthDate', 'Patient.gender', 'Patient.nonsense']);
    expect(issues(answer).every(({ severity }) => severity === 'error')).toBe(true);
  });

  test('says which profiles it does not know, and which it did not check', async () => {
    const profile = 'http://example.org/StructureDefinition/special';
    const asked = await post(`Patient/$validate?profile=${profile}`, { resourceType: 'Patient' });
    expect([asked.status, issues(asked)]).toEqual([
      200,
      [expect.objectContaining({ severity: 'error', code: 'not-found', text: expect.stringContaining(profile) })],
    ]);
    const claimed = await post('Patient/$validate', { resourceType: 'Patient', meta: { profile: [profile] } });
    expect([claimed.json.id, issues(claimed)]).toEqual([
      'ok',
      [expect.objectContaining({ severity: 'information', expression: ['Patient.meta.profile'] })],
    ]);
  });

  test.each<[string, string, unknown, number]>([
    ['another type than the address says', 'Patient/$validate', { resourceType: 'Observation' }, 200],
    ['no resource', 'Patient/$validate', { resourceType: 'Parameters', parameter: [] }, 400],
    ['an unknown mode', 'Patient/$validate?mode=x', { resourceType: 'Patient' }, 400],
    ['an unknown parameter', 'Patient/$validate?nonsense=x', { resourceType: 'Patient' }, 400],
    [
      'parameters without a name',
      'Patient/$validate',
      { resourceType: 'Parameters', parameter: [{ valueString: 'x' }] },
      400,
    ],
    ['an unknown type', 'Nonsense/$validate', { resourceType: 'Patient' }, 404],
    ['an unknown id', 'Patient/nobody/$validate?mode=delete', { resourceType: 'Patient' }, 404],
  ])('with %s answers an outcome', async (_what, path, body, status) => {
    const answer = await post(path, body);
    expect([answer.status, answer.json.resourceType, answer.json.issue[0]?.severity]).toEqual([
      status,
      'OperationOutcome',
      'error',
    ]);
  });
});

describe('$everything', () => {
  let patient: string;
  let stranger: string;
  let expected: string[];
  let practitioner: string;
  let old: string;

  beforeAll(async () => {
    practitioner = await create('Practitioner', { name: [{ family: 'Care' }] });
    const organization = await create('Organization', { name: 'House' });
    patient = await create('Patient', { managingOrganization: { reference: `Organization/${organization}` } });
    stranger = await create('Patient');
    const subject = { reference: `Patient/${patient}` };
    const encounter = await create('Encounter', {
      status: 'finished',
      class: { code: 'AMB' },
      subject,
      period: { start: '2020-05-01', end: '2020-05-02' },
    });
    const code = { text: 'x' };
    old = await create('Observation', { status: 'final', code, subject, effectiveDateTime: '2001-01-01' });
    const recent = await create('Observation', {
      status: 'final',
      code,
      subject,
      effectiveDateTime: '2020-05-01',
      encounter: { reference: `Encounter/${encounter}` },
      performer: [{ reference: `Practitioner/${practitioner}` }],
    });
    const condition = await create('Condition', { subject });
    await create('Observation', { status: 'final', code, subject: { reference: `Patient/${stranger}` } });
    expected = [patient, encounter, old, recent, condition, organization, practitioner];
  });

  test('gives the patient, what belongs to it, and what that refers to, and nothing of anybody else', async () => {
    const answer = await get(`Patient/${patient}/$everything`);
    expect(answer.status).toBe(200);
    expect(ids(answer).toSorted()).toEqual(expected.toSorted());
    const modes = new Map(answer.json.entry.map(({ resource, search }) => [resource.id, search]));
    expect([modes.get(patient), modes.get(practitioner)]).toEqual([{ mode: 'match' }, { mode: 'include' }]);
    const asked = await post(`Patient/${patient}/$everything`, {
      resourceType: 'Parameters',
      parameter: [{ name: '_count', valueInteger: 100 }],
    });
    expect(ids(asked).toSorted()).toEqual(expected.toSorted());
  });

  test('in pages, each resource of the compartment once', async () => {
    const seen: string[] = [];
    let path: string | undefined = `Patient/${patient}/$everything?_count=2`;
    let pages = 0;
    while (path !== undefined) {
      const answer: Answer = await get(path);
      const matches = answer.json.entry.filter(({ search }) => (search as { mode: string }).mode === 'match');
      expect(matches.length).toBeLessThanOrEqual(2);
      seen.push(...matches.map(({ resource }) => resource.id));
      path = next(answer);
      pages++;
    }
    expect(pages).toBe(3);
    expect(seen.toSorted()).toEqual(expected.slice(0, 5).toSorted());
  });

  test('limited to types, to a time of care, and to what changed', async () => {
    expect(ids(await get(`Patient/${patient}/$everything?_type=Observation,Practitioner`)).toSorted()).toEqual(
      [expected[2], expected[3], practitioner].toSorted(),
    );
    const recent = ids(await get(`Patient/${patient}/$everything?start=2020-01-01&end=2020-12-31`));
    expect(recent).not.toContain(old);
    expect(recent).toEqual(expect.arrayContaining([patient, expected[1], expected[3], expected[4]]));
    expect(ids(await get(`Patient/${patient}/$everything?_since=2100-01-01T00:00:00Z`))).toEqual([]);
    const past = ids(await get(`Patient/${patient}/$everything?_since=2000-01-01T00:00:00Z`));
    expect(past.toSorted()).toEqual(expected.toSorted());
  });

  test('of all patients, and of an encounter', async () => {
    const all = ids(await get('Patient/$everything?_count=1000'));
    expect(all).toEqual(expect.arrayContaining([...expected.slice(0, 5), stranger]));
    expect(all).toHaveLength(new Set(all).size);
    const [, encounter = '', , recent = ''] = expected;
    expect(ids(await get(`Encounter/${encounter}/$everything`))).toEqual(
      expect.arrayContaining([encounter, recent, patient]),
    );
  });

  test.each<[string, number]>([
    ['Patient/nobody/$everything', 404],
    ['Practitioner/x/$everything', 404],
    ['Encounter/$everything', 404],
    ['Patient/$everything?nonsense=1', 400],
    ['Patient/$everything?_since=yesterday', 400],
    ['Patient/$everything?start=soon', 400],
    ['Patient/$everything?_type=Nonsense', 400],
    ['Patient/$everything?_cursor=abc', 400],
  ])('%s: %i', async (path, status) => {
    const answer = await get(path);
    expect([answer.status, answer.json.resourceType]).toEqual([status, 'OperationOutcome']);
  });
});

describe('$meta', () => {
  interface MetaParameters {
    parameter: {
      name: string;
      valueMeta: { profile?: string[]; tag?: { system: string; code: string }[]; security?: object[] };
    }[];
  }
  const metaOf = (answer: Answer) => (JSON.parse(answer.text) as MetaParameters).parameter[0]?.valueMeta;
  const parameters = (meta: object) => ({ resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: meta }] });
  const tag = (code: string) => ({ system: 'http://example.org/tags', code });

  test('adds and removes tags, and leaves the rest of the resource as it is', async () => {
    const created = await plane.fhir(project, 'Observation', {
      method: 'POST',
      body: '{"resourceType":"Observation","status":"final","code":{"text":"x"},"meta":{"tag":[{"system":"http://example.org/tags","code":"a"}]},"valueQuantity":{"value":1.00}}',
    });
    const path = `Observation/${created.json.id}`;
    const added = await post(
      `${path}/$meta-add`,
      parameters({ tag: [tag('a'), tag('b')], profile: ['http://example.org/p'] }),
    );
    expect([added.status, metaOf(added)]).toEqual([
      200,
      { profile: ['http://example.org/p'], tag: [tag('a'), tag('b')] },
    ]);
    expect((await get(path)).text).toContain('"valueQuantity":{"value":1.00}');
    expect(ids(await get('Observation?_tag=http://example.org/tags|b'))).toEqual([created.json.id]);
    const removed = await post(
      `${path}/$meta-delete`,
      parameters({ tag: [tag('a')], profile: ['http://example.org/p'] }),
    );
    expect(metaOf(removed)).toEqual({ tag: [tag('b')] });
    expect(metaOf(await get(`${path}/$meta`))).toEqual({ tag: [tag('b')] });
    expect(ids(await get('Observation?_tag=http://example.org/tags|a'))).toEqual([]);
  });

  test('of a type and of the project collects what is in use', async () => {
    await create('Location', { meta: { tag: [tag('one')], security: [{ system: 's', code: 'R' }] } });
    await create('Location', { meta: { tag: [tag('two'), tag('one')] } });
    expect(metaOf(await get('Location/$meta'))).toEqual({
      security: [{ system: 's', code: 'R' }],
      tag: [tag('one'), tag('two')],
    });
    expect(metaOf(await get('$meta'))?.tag).toEqual(expect.arrayContaining([tag('one'), tag('two')]));
  });

  test('without anything to add is refused, and for what is not there', async () => {
    const id = await create('Location');
    expect((await post(`Location/${id}/$meta-add`, parameters({}))).status).toBe(400);
    expect((await post('Location/nobody/$meta-add', parameters({ tag: [tag('a')] }))).status).toBe(404);
    expect((await get('Nonsense/$meta')).status).toBe(404);
    expect((await get('Location/x/$nonsense')).json.issue[0]).toMatchObject({ code: 'not-supported' });
  });
});

describe('the representation', () => {
  test.each<[string, string, number]>([
    ['application/fhir+xml', '', 406],
    ['application/fhir+turtle', '', 406],
    ['text/html', '', 406],
    ['application/fhir+json; fhirVersion=5.0', '', 406],
    ['application/fhir+json; fhirVersion=4.0', '', 200],
    ['application/fhir+xml', '_format=json', 200],
    ['application/fhir+json', '_format=xml', 406],
    ['application/fhir+json', '_format=application/fhir%2Bjson', 200],
    ['application/fhir+json', '_format=application/fhir+json', 200],
    ['application/json', '', 200],
    ['text/html, */*;q=0.1', '', 200],
  ])('Accept %s %s: %i', async (accept, query, status) => {
    for (const path of ['metadata', 'Patient', 'Patient/nobody']) {
      const answer = await get(`${path}?${query}`, { accept });
      expect([path, answer.status]).toEqual([path, path.endsWith('nobody') && status === 200 ? 404 : status]);
      expect(answer.headers['content-type']).toBe('application/fhir+json; charset=utf-8');
      if (answer.status === 406) expect(answer.json.issue[0]).toMatchObject({ code: 'not-supported' });
    }
  });

  test.each(['application/fhir+xml', 'text/plain', 'application/fhir+json; fhirVersion=5.0'])(
    'a body of the type %s: 415',
    async (contentType) => {
      const answer = await plane.fhir(project, 'Patient', {
        method: 'POST',
        body: '{"resourceType":"Patient"}',
        headers: { 'content-type': contentType },
      });
      expect([answer.status, answer.json.resourceType]).toEqual([415, 'OperationOutcome']);
    },
  );

  test('_pretty lays a resource out, with its numbers as they are', async () => {
    const created = await plane.fhir(project, 'Observation', {
      method: 'POST',
      body: '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}',
    });
    const pretty = await get(`Observation/${created.json.id}?_pretty=true`);
    expect(pretty.text).toContain('\n  "valueQuantity": {\n    "value": 1.00\n  }\n}');
    expect((await get('Observation/nobody?_pretty=true')).text).toContain('\n  "issue": [');
  });
});

describe('definitions', () => {
  const patient = 'http://hl7.org/fhir/StructureDefinition/Patient';
  const own = {
    status: 'draft',
    kind: 'resource',
    abstract: false,
    type: 'Patient',
    baseDefinition: patient,
    derivation: 'constraint',
    differential: { element: [{ id: 'Patient', path: 'Patient' }] },
  };

  test('are read and searched like resources of the project, without being stored', async () => {
    const read = await get('StructureDefinition/Patient');
    expect([read.status, read.headers.etag, read.json.id]).toEqual([200, 'W/"0"', 'Patient']);
    expect((await get('StructureDefinition/Patient', { 'if-none-match': 'W/"0"' })).status).toBe(304);
    const found = await get(`StructureDefinition?url=${patient}`);
    expect([ids(found), found.json.entry[0]?.search]).toEqual([['Patient'], { mode: 'match' }]);
    expect(ids(await get('StructureDefinition?name:exact=ProjectMembership'))).toEqual(['ProjectMembership']);
    const parameters = await get('SearchParameter?base=Patient&_count=200');
    expect(ids(parameters).length).toBeGreaterThan(15);
    expect(ids(await get('OperationDefinition?code=everything'))).toContain('Patient-everything');
    expect(ids(await get('CompartmentDefinition?code=Patient'))).toEqual(['patient']);
    expect((await get('StructureDefinition/nonsense')).status).toBe(404);
  });

  test('stand before the project’s own, in pages and totals that are right', async () => {
    const mine = await create('StructureDefinition', { ...own, url: 'http://example.org/mine', name: 'PatientMine' });
    const whole = await get('StructureDefinition?name=Patient&_total=accurate');
    expect([ids(whole), whole.json.total]).toEqual([['Patient', mine], 2]);
    const first = await get('StructureDefinition?name=Patient&_count=1&_total=accurate');
    expect([ids(first), first.json.total]).toEqual([['Patient'], 2]);
    const second = await get(next(first) ?? '');
    expect([ids(second), second.json.total, next(second)]).toEqual([[mine], 2, undefined]);
    expect(ids(await get('StructureDefinition?name=Patient&_offset=1'))).toEqual([mine]);
    expect((await get('StructureDefinition?name=Patient&_summary=count')).json.total).toBe(2);
    const seen: string[] = [];
    for (let path: string | undefined = 'StructureDefinition?kind=resource&_count=40'; path !== undefined;) {
      const answer: Answer = await get(path);
      seen.push(...ids(answer));
      path = next(answer);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(['Account', 'VisionPrescription', 'Project', mine]));
  });

  test('give way to a resource of the project with the same id', async () => {
    const put = await plane.fhir(project, 'StructureDefinition/Group', {
      method: 'PUT',
      body: JSON.stringify({
        resourceType: 'StructureDefinition',
        id: 'Group',
        ...own,
        url: 'http://example.org/group',
        name: 'Mine',
      }),
    });
    expect(put.status).toBe(201);
    expect((await get('StructureDefinition/Group')).json).toMatchObject({ url: 'http://example.org/group' });
    expect(ids(await get('StructureDefinition?url=http://hl7.org/fhir/StructureDefinition/Group'))).toEqual([]);
    await plane.fhir(project, 'StructureDefinition/Group', { method: 'DELETE' });
    expect((await get('StructureDefinition/Group')).json).toMatchObject({
      url: 'http://hl7.org/fhir/StructureDefinition/Group',
    });
  });

  test('show as much of themselves as is asked for', async () => {
    const summary = await get(`StructureDefinition?url=${patient}&_elements=name`);
    const [entry] = JSON.parse(summary.text).entry as { resource: Record<string, unknown> }[];
    expect(entry?.resource).toMatchObject({ name: 'Patient' });
    expect(entry?.resource.snapshot).toBeUndefined();
  });

  test('are expanded with the profiles that their elements name, however they name each other', async () => {
    const profile = (name: string, uses: string[]) => ({
      ...own,
      name,
      url: `http://example.org/${name}`,
      differential: {
        element: [
          { id: 'Patient', path: 'Patient' },
          {
            id: 'Patient.extension',
            path: 'Patient.extension',
            type: [{ code: 'Extension', profile: uses.map((use) => `http://example.org/${use}`) }],
          },
        ],
      },
    });
    await create('StructureDefinition', profile('Outer', ['Inner', 'Missing']));
    await create('StructureDefinition', profile('Inner', ['Outer']));
    const expanded = await post('StructureDefinition/$expand-profile?url=http://example.org/Outer', {});
    const names = (JSON.parse(expanded.text) as { entry: { resource: { name: string } }[] }).entry.map(
      ({ resource }) => resource.name,
    );
    expect([expanded.status, names]).toEqual([200, ['Outer', 'Inner']]);
    expect(ids(await get(`StructureDefinition/$expand-profile?url=${patient}`))).toContain('Patient');
    expect((await post('StructureDefinition/$expand-profile?url=http://example.org/none', {})).status).toBe(400);
    expect((await post('StructureDefinition/$expand-profile', {})).status).toBe(400);
    expect(ids(await get('OperationDefinition?code=expand-profile'))).toHaveLength(1);
  });

  test('are read in a batch too', async () => {
    const batch = await post('', {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: 'StructureDefinition/Patient' } },
        { request: { method: 'GET', url: `StructureDefinition?url=${patient}` } },
      ],
    });
    const [read, found] = JSON.parse(batch.text).entry as {
      resource: { id?: string; entry?: { resource: { id: string } }[] };
    }[];
    expect([read?.resource.id, found?.resource.entry?.[0]?.resource.id]).toEqual(['Patient', 'Patient']);
  });
});

describe.each([
  ['R4B', '4.3.0'],
  ['R5', '5.0.0'],
])('a project of FHIR %s', (label, id) => {
  let other: TestProject;

  beforeAll(async () => {
    other = await plane.createProject(`operations-${label.toLowerCase()}`, id);
  });

  const ask = (path: string, body?: object): Promise<Answer> =>
    plane.fhir(other, path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });

  test('has the same operations and its own definitions', async () => {
    const statement = await ask('metadata');
    expect([statement.status, statement.json.fhirVersion]).toEqual([200, id]);
    const patient = await ask('Patient', { resourceType: 'Patient', active: true });
    const subject = { reference: `Patient/${patient.json.id}` };
    await ask('Observation', { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject });
    expect((await ask(`Patient/${patient.json.id}/$everything`)).json.entry).toHaveLength(2);
    expect((await ask('Patient/$validate', { resourceType: 'Patient' })).json.id).toBe('ok');
    expect((await ask('Patient/$validate', { resourceType: 'Patient', nonsense: 1 })).json.issue).toHaveLength(1);
    const tag = [{ system: 'http://example.org/tags', code: 'a' }];
    const added = await ask(`Patient/${patient.json.id}/$meta-add`, {
      resourceType: 'Parameters',
      parameter: [{ name: 'meta', valueMeta: { tag } }],
    });
    expect(JSON.parse(added.text)).toMatchObject({ parameter: [{ valueMeta: { tag } }] });
    const definition = await ask('StructureDefinition/Patient');
    expect(definition.json.fhirVersion).toBe(id);
    const binary = await plane.fhir(other, 'Binary/$validate', {
      method: 'POST',
      body: '{"resourceType":"Binary","contentType":"a/b"}',
    });
    expect(binary.json.id).toBe('ok');
  });
});

describe('a member whose policies grant no reading', () => {
  let authorization: string;
  let patient: string;
  let mine: string;

  beforeAll(async () => {
    patient = await create('Patient');
    const draft = { status: 'draft', kind: 'resource', type: 'Patient', derivation: 'constraint', abstract: false };
    mine = await create('StructureDefinition', {
      ...draft,
      url: 'http://example.org/secret',
      name: 'Patient',
      baseDefinition: 'http://hl7.org/fhir/StructureDefinition/Patient',
      differential: { element: [{ id: 'Patient', path: 'Patient' }] },
    });
    // Both are readable unless a rule names them.
    const unreadable = ['StructureDefinition', 'SearchParameter'].map((type) => ({
      resourceType: type,
      interaction: ['create'],
    }));
    const policy = await create('AccessPolicy', { name: 'nothing to read', resource: unreadable });
    const made = await plane.call({
      method: 'POST',
      path: `${project.path}admin/projects/${project.id}/client`,
      headers: { authorization: `Bearer ${await plane.token(project)}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ name: 'Guest', accessPolicy: { reference: `AccessPolicy/${policy}` } }),
    });
    const { id, secret } = made.json as unknown as { id: string; secret: string };
    authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  });

  test('sees what FHIR itself is, and nothing of the project', async () => {
    expect((await get('StructureDefinition/Patient', { authorization })).status).toBe(200);
    expect((await get(`StructureDefinition/${mine}`, { authorization })).status).toBe(403);
    const found = await get('StructureDefinition?name:exact=Patient&_total=accurate', { authorization });
    expect([ids(found), found.json.total]).toEqual([['Patient'], 1]);
    expect(ids(await get('StructureDefinition?url=http://example.org/secret', { authorization }))).toEqual([]);
    expect(ids(await get('StructureDefinition?name:exact=Patient'))).toContain(mine);
  });

  test.each([
    'Patient/$everything?_type=Patient',
    'Patient/$meta',
    'Binary/x',
    'Patient/x/$everything',
    'Patient/x/$validate',
    'Patient/x/$meta',
  ])('GET %s: 403', async (path) => {
    expect((await get(path, { authorization })).status).toBe(403);
  });

  test('is given no resource by operations over all types', async () => {
    expect(ids(await get('Patient/$everything', { authorization }))).toEqual([]);
    expect((await get('$meta', { authorization })).text).toBe('{"resourceType":"Parameters"}');
    const tag = { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [{ code: 'x' }] } }] };
    expect((await post(`Patient/${patient}/$meta-add`, tag, { authorization })).status).toBe(403);
  });

  test('cannot upload', async () => {
    const headers = { authorization, 'content-type': 'image/png' };
    expect((await plane.fhir(project, 'Binary', { method: 'POST', body: 'x', headers })).status).toBe(403);
    expect((await plane.fhir(project, 'Binary/x', { method: 'PUT', body: 'x', headers })).status).toBe(403);
  });
});
