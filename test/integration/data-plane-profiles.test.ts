/** Profiles through whole data planes: what clients are answered, what `$validate` says, and who knows of changes when. */
import { createLogger } from '#platform';
import { startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { claiming, profileUrl, structureDefinition } from './profiles.fixture.js';

let plane: TestPlane;
let project: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('profiles');
});

afterAll(() => plane?.close());

const send = (method: string, path: string, body: unknown, of = project, headers = {}): Promise<Answer> =>
  plane.fhir(of, path, { method, body: JSON.stringify(body), headers });

async function store(definition: object, of = project): Promise<string> {
  const answer = await send('POST', 'StructureDefinition', definition, of);
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.json.id;
}

const issues = (answer: Answer) =>
  answer.json.issue.map(({ severity, code, details, expression }) => [severity, code, expression?.[0] ?? details.text]);

/** A small profile of vital signs: a category, a code, and a quantity with a unit for each of two components. */
const bloodPressure = (fhirVersion: string): object => {
  const component = (name: string, code: string) => [
    { path: 'Observation.component', sliceName: name, min: 1, max: '1' },
    {
      path: 'Observation.component.code',
      id: `Observation.component:${name}.code`,
      min: 1,
      patternCodeableConcept: { coding: [{ system: 'http://codes.example', code }] },
    },
    {
      path: 'Observation.component.value[x]',
      id: `Observation.component:${name}.value[x]`,
      type: [{ code: 'Quantity' }],
    },
    { path: 'Observation.component.value[x].unit', id: `Observation.component:${name}.value[x].unit`, min: 1 },
  ];
  return structureDefinition(
    'blood-pressure',
    'Observation',
    [
      { path: 'Observation.category', slicing: { discriminator: [{ type: 'pattern', path: '$this' }], rules: 'open' } },
      {
        path: 'Observation.category',
        sliceName: 'vitals',
        min: 1,
        patternCodeableConcept: { coding: [{ code: 'vital-signs' }] },
      },
      { path: 'Observation.subject', min: 1 },
      { path: 'Observation.value[x]', max: '0' },
      {
        path: 'Observation.component',
        min: 2,
        slicing: { discriminator: [{ type: 'pattern', path: 'code' }], rules: 'closed' },
      },
      ...component('systolic', 's'),
      ...component('diastolic', 'd'),
    ],
    { fhirVersion },
  );
};

const measured = (unit: string, ...codes: string[]) => ({
  resourceType: 'Observation',
  ...claiming('blood-pressure'),
  status: 'final',
  category: [{ coding: [{ system: 'http://c.example', code: 'vital-signs' }] }],
  code: { text: 'blood pressure' },
  subject: { display: 'somebody' },
  component: codes.map((code) => ({
    code: { coding: [{ system: 'http://codes.example', code }] },
    valueQuantity: { value: 100, ...(unit === '' ? {} : { unit }) },
  })),
});

describe.each(['4.0.1', '4.3.0', '5.0.0'])('a project of FHIR %s', (fhirVersion) => {
  let own: TestProject;
  beforeAll(async () => {
    own = await plane.createProject(`profiles-${fhirVersion.replaceAll('.', '-')}`, fhirVersion);
    await store(bloodPressure(fhirVersion), own);
  });

  test('answers 400 to what breaks a profile, and names each element', async () => {
    const created = await send('POST', 'Observation', measured('mmHg', 's', 'd'), own);
    expect(created.status).toBe(201);
    const { id } = created.json;
    const wrong = { ...measured('', 's', 'x'), category: [{ text: 'x' }] };
    const expected = [
      ['error', 'required', 'Observation.category'],
      ['error', 'required', 'Observation.component[0].value.unit'],
      ['error', 'required', 'Observation.component'],
      ['error', 'structure', 'Observation.component[1]'],
    ];
    const answers = [
      await send('POST', 'Observation', wrong, own),
      await send('PUT', `Observation/${id}`, { ...wrong, id }, own),
      await send(
        'POST',
        '',
        {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [{ resource: wrong, request: { method: 'POST', url: 'Observation' } }],
        },
        own,
      ),
    ];
    const within = (path: string) => `Bundle.entry[0].resource${path.slice('Observation'.length)}`;
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(
      answers
        .slice(0, 2)
        .map(issues)
        .map((list) => list.sort()),
    ).toEqual([expected.toSorted(), expected.toSorted()]);
    expect(answers.slice(2).map((answer) => issues(answer).sort())).toEqual([
      expected.map(([severity, code, path]) => [severity, code, within(path ?? '')]).sort(),
    ]);
    const patch = [{ op: 'remove', path: '/subject' }];
    const patched = await send('PATCH', `Observation/${id}`, patch, own, {
      'content-type': 'application/json-patch+json',
    });
    expect([patched.status, issues(patched)]).toEqual([400, [['error', 'required', 'Observation.subject']]]);
  });
});

describe('$validate', () => {
  beforeAll(async () => {
    await store(
      structureDefinition('named', 'Patient', [
        { path: 'Patient.name', min: 1 },
        {
          path: 'Patient.identifier',
          slicing: { discriminator: [{ type: 'profile', path: 'assigner.resolve()' }], rules: 'open' },
        },
        { path: 'Patient.identifier', sliceName: 'own' },
      ]),
    );
    await store(structureDefinition('odd', 'Patient', [{ path: 'Patient.name' }], { derivation: 'specialization' }));
  });
  const validate = async (path: string, resource: object) => {
    const answer = await send('POST', `Patient/$validate${path}`, resource);
    return [answer.status, answer.json.id, issues(answer)];
  };
  const patient = (more: object = {}) => ({ resourceType: 'Patient', ...more });

  test('checks the profile that it is asked about, and those that the resource claims', async () => {
    const skipped = ['information', 'informational', expect.stringContaining("the slice 'own' is not checked")];
    const wrong = [200, undefined, [['error', 'required', 'Patient.name'], skipped]];
    expect(await validate(`?profile=${profileUrl('named')}`, patient())).toEqual(wrong);
    expect(await validate('', patient(claiming('named')))).toEqual(wrong);
    const parameters = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'resource', resource: patient() },
        { name: 'profile', valueUri: profileUrl('named') },
      ],
    };
    expect(await validate('', parameters)).toEqual(wrong);
    const name = [{ family: 'Winter' }];
    expect(await validate(`?profile=${profileUrl('named')}`, patient({ name }))).toEqual([200, 'ok', [skipped]]);
  });

  test('says which profiles are not there or cannot be applied', async () => {
    expect(await validate(`?profile=${profileUrl('nowhere')}`, patient())).toEqual([
      200,
      undefined,
      [['error', 'not-found', `There is no profile ${profileUrl('nowhere')} in this project.`]],
    ]);
    expect(await validate(`?profile=${profileUrl('odd')}`, patient())).toEqual([
      200,
      undefined,
      [['error', 'not-supported', expect.stringContaining("its derivation is not 'constraint'")]],
    ]);
    expect(await validate('', patient(claiming('nowhere', 'odd')))).toEqual([
      200,
      'ok',
      [
        ['information', 'informational', 'Patient.meta.profile'],
        ['information', 'informational', 'Patient.meta.profile'],
      ],
    ]);
  });

  test('says what is wrong with the type first', async () => {
    expect(await validate(`?profile=${profileUrl('named')}`, patient({ nonsense: 1 }))).toEqual([
      200,
      undefined,
      [
        ['error', 'structure', 'Patient.nonsense'],
        ['information', 'informational', 'Profiles are checked when nothing else is wrong.'],
      ],
    ]);
  });

  test('tells the author of a profile what of it is not checked', async () => {
    const definition = structureDefinition('x', 'Patient', [
      {
        path: 'Patient',
        constraint: [
          { key: 'x-1', severity: 'error', human: 'x', expression: 'managingOrganization.resolve().exists()' },
        ],
      },
    ]);
    const answer = await send('POST', 'StructureDefinition/$validate', definition);
    expect([answer.json.id, answer.json.issue.map(({ details }) => details.text)]).toEqual([
      'ok',
      ['As a profile: Patient: x-1 is not checked: it needs more than the resource.'],
    ]);
  });
});

test('what one data plane has stored counts for the next write on another', async () => {
  const second = await startDataPlane(plane.config, createLogger(plane.config, 'data-plane'));
  try {
    const authorization = `Bearer ${await plane.token(project)}`;
    const elsewhere = async (resource: object): Promise<number> => {
      const answer = await fetch(`${second.url}${project.path}fhir/R4/Patient`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/fhir+json' },
        body: JSON.stringify(resource),
      });
      return answer.status;
    };
    const resource = { resourceType: 'Patient', gender: 'other', ...claiming('of-replicas') };
    const demanding = (name: string, more: object = {}) =>
      structureDefinition('of-replicas', 'Patient', [{ path: `Patient.${name}`, min: 1 }], { ...more });
    expect(await elsewhere(resource)).toBe(201);
    const id = await store(demanding('name'));
    expect(await elsewhere(resource)).toBe(400);
    expect((await send('PUT', `StructureDefinition/${id}`, demanding('gender', { id }))).status).toBe(200);
    expect(await elsewhere(resource)).toBe(201);
    expect((await send('PUT', `StructureDefinition/${id}`, demanding('birthDate', { id }))).status).toBe(200);
    expect(await elsewhere(resource)).toBe(400);
    expect((await plane.fhir(project, `StructureDefinition/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect(await elsewhere(resource)).toBe(201);
  } finally {
    await second.close();
  }
});

test('a profile that takes too long refuses what claims it, and holds up nobody for long', async () => {
  const expression = "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')";
  const constraint = [{ key: 'x-1', severity: 'error', human: 'x', expression }];
  await store(structureDefinition('slow', 'Patient', [{ path: 'Patient', constraint }]));
  const answer = await send('POST', 'Patient', { resourceType: 'Patient', ...claiming('slow') });
  // On a machine with much else to do it is not the profile's fault.
  expect([
    [400, 'too-costly'],
    [503, 'transient'],
  ]).toContainEqual([answer.status, answer.json.issue[0]?.code]);
});
