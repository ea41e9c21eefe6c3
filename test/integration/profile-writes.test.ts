/** Resources are held to the profiles that they claim, whichever way they are written. */
import { jsonPatch } from '#fhir';
import { systemPolicy } from '#access-policy';
import { ResourceRepository, tenantDatabase, type TenantDatabase } from '#fhir-store';
import type { Connection } from '#postgres';
import { rules } from './policy-rules.fixture.js';
import { claiming, profileUrl, structureDefinition, type ProfileElement } from './profiles.fixture.js';
import { aPatient, aTenant, baseUrl, memberPolicy, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
  const nameNeeded = [{ path: 'Patient.name', min: 1 }];
  await store(structureDefinition('named', 'Patient', nameNeeded));
});
afterAll(() => t.close());

async function store(definition: object): Promise<string> {
  return (await (await t.repository()).create(text(definition))).version.id;
}

/** Makes the settings those of the project. */
async function settings(more: object): Promise<ResourceRepository> {
  const id = t.tenant.projectId;
  const project = { resourceType: 'Project', id, name: 'Quay', strictMode: true, ...more };
  await (await t.repository()).update('Project', id, text(project));
  return t.repository();
}

const patient = (more: object = {}) => text({ resourceType: 'Patient', ...claiming('named'), ...more });
const named = { name: [{ family: 'Winter' }] };

interface Refusal {
  readonly category: string;
  readonly issues: { code: string; text: string; expression: string[] }[];
}

/** The paths of what a write is refused for as invalid. */
async function wrong(write: Promise<unknown>): Promise<unknown> {
  const error = await write.then(
    () => 'it was written',
    (thrown: unknown) => thrown as Refusal,
  );
  if (typeof error === 'string' || error.category !== 'invalid') return error;
  return error.issues.map(({ expression }) => expression[0]);
}

describe('a resource that claims a profile of the project', () => {
  test('is refused when it breaks it, whichever way it is written', async () => {
    const repository = await settings({});
    const { version } = await repository.create(patient(named));
    const { id } = version;
    const broken = { id, active: true };
    expect(await wrong(repository.create(patient()))).toEqual(['Patient.name']);
    expect(await wrong(repository.create(patient(), { ifNoneExist: 'identifier=none' }))).toEqual(['Patient.name']);
    expect(await wrong(repository.update('Patient', id, patient(broken)))).toEqual(['Patient.name']);
    expect(await wrong(repository.conditionalUpdate('Patient', `_id=${id}`, patient(broken)))).toEqual([
      'Patient.name',
    ]);
    const patch = jsonPatch('[{"op":"remove","path":"/name"}]');
    expect(await wrong(repository.patch('Patient', id, patch))).toEqual(['Patient.name']);
    expect(await wrong(repository.conditionalPatch('Patient', `_id=${id}`, patch))).toEqual(['Patient.name']);
    expect((await repository.read('Patient', id)).versionId).toBe(version.versionId);
  });

  test('is written when it satisfies it', async () => {
    const repository = await settings({});
    const { id } = (await repository.create(patient(named))).version;
    expect((await repository.update('Patient', id, patient({ ...named, id, active: true }))).changed).toBe(true);
    const patch = jsonPatch('[{"op":"replace","path":"/active","value":false}]');
    expect((await repository.patch('Patient', id, patch)).changed).toBe(true);
  });

  test('is told which element breaks which profile, and how', async () => {
    const repository = await settings({});
    await expect(repository.create(patient())).rejects.toMatchObject({
      issues: [
        {
          severity: 'error',
          code: 'required',
          text: `Patient.name is required (profile ${profileUrl('named')})`,
          expression: ['Patient.name'],
        },
      ],
    });
  });

  test('refuses a transaction as a whole, and names the entry', async () => {
    const repository = await settings({});
    const { id } = (await repository.create(patient(named))).version;
    const send = (...resources: [method: string, url: string, resource: object][]) =>
      repository.processBundle(
        JSON.stringify({
          resourceType: 'Bundle',
          type: 'transaction',
          entry: resources.map(([method, url, resource]) => ({ resource, request: { method, url } })),
        }),
        baseUrl,
      );
    const good = { resourceType: 'Patient', ...claiming('named'), ...named };
    const bad = { resourceType: 'Patient', ...claiming('named') };
    expect(await wrong(send(['POST', 'Patient', good], ['POST', 'Patient', bad]))).toEqual([
      'Bundle.entry[1].resource.name',
    ]);
    expect(await wrong(send(['POST', 'Patient', good], ['PUT', `Patient/${id}`, { ...bad, id }]))).toEqual([
      'Bundle.entry[1].resource.name',
    ]);
    expect(await send(['POST', 'Patient', good], ['PUT', `Patient/${id}`, { ...good, id, active: true }])).toContain(
      '"status":"201"',
    );
  });

  test('by a change of meta alone is checked too', async () => {
    const repository = await settings({});
    const { id } = (await repository.create(text({ resourceType: 'Patient' }))).version;
    const claim = repository.changeMeta('Patient', id, (meta) => ({ ...meta, profile: [profileUrl('named')] }));
    expect(await wrong(claim)).toEqual(['Patient.name']);
  });

  test('through the project is checked like one that claims it itself', async () => {
    const repository = await settings({
      defaultProfile: [{ resourceType: 'Patient', profile: [profileUrl('named')] }],
    });
    expect(await wrong(repository.create(text({ resourceType: 'Patient' })))).toEqual(['Patient.name']);
    const { version } = await repository.create(text({ resourceType: 'Patient', ...named }));
    expect(parse(version.body)).toMatchObject(claiming('named'));
    expect((await repository.create(text({ resourceType: 'Patient', ...claiming('unknown') }))).created).toBe(true);
  });

  test('is first of all what its type demands', async () => {
    const repository = await settings({});
    expect(await wrong(repository.create(patient({ nonsense: 1 })))).toEqual(['Patient.nonsense']);
  });

  test('has what the server puts into it', async () => {
    const repository = await settings({});
    await store(
      structureDefinition('stamped', 'Patient', [
        { path: 'Patient.id', min: 1 },
        { path: 'Patient.meta.versionId', min: 1 },
        { path: 'Patient.meta.lastUpdated', min: 1 },
      ]),
    );
    expect((await repository.create(text({ resourceType: 'Patient', ...claiming('stamped') }))).created).toBe(true);
  });

  test('may claim a limited number of them', async () => {
    const repository = await settings({});
    const names = Array.from({ length: 21 }, (_, at) => `p${at}`);
    expect(await wrong(repository.create(text({ resourceType: 'Patient', ...claiming(...names) })))).toEqual([
      'Patient.meta.profile',
    ]);
  });
});

describe('profiles are not checked', () => {
  test.each([
    ['in a project that is not strict', { strictMode: false }],
    [
      'in a project whose operator wants the structure checked alone',
      { systemSetting: [{ name: 'validationLevel', valueString: 'structure' }] },
    ],
  ])('%s', async (_, more) => {
    const repository = await settings(more);
    expect((await repository.create(patient())).created).toBe(true);
  });

  test('when the project does not have them, or has something else by that url', async () => {
    const repository = await settings({});
    await store(
      structureDefinition('odd', 'Patient', [{ path: 'Patient.name', min: 1 }], { derivation: 'specialization' }),
    );
    const id = await store(structureDefinition('gone', 'Patient', [{ path: 'Patient.name', min: 1 }]));
    await repository.delete('StructureDefinition', id);
    const resource = text({ resourceType: 'Patient', ...claiming('nowhere', 'odd', 'gone') });
    expect((await repository.create(resource)).created).toBe(true);
  });
});

test('costs no statement where none is claimed, and one where all that is needed has been read before', async () => {
  await settings({});
  const { tenant, sent } = listening();
  const repository = new ResourceRepository(tenant, {
    policy: systemPolicy('test'),
    epoch: await t.epoch(),
    agent: 'ClientApplication/test',
    requestId: 'request-1',
  });
  const statementsOf = async (write: () => Promise<unknown>) => {
    sent.length = 0;
    await write();
    return sent.filter((name) => name.startsWith('store_definition'));
  };
  await repository.create(patient(named));
  expect(await statementsOf(() => repository.create(aPatient()))).toEqual([]);
  expect(await statementsOf(() => repository.create(patient(named)))).toEqual(['store_definitions']);
  const extension = { code: 'Extension', profile: [profileUrl('leading-on')] };
  await store(structureDefinition('leading', 'Patient', [{ path: 'Patient.extension', type: [extension] }]));
  await store(structureDefinition('leading-on', 'Extension', [{ path: 'Extension.value[x]', min: 1 }]));
  const leading = text({ resourceType: 'Patient', ...claiming('leading') });
  const [lookUp, bodies] = ['store_definitions', 'store_definition_bodies'];
  expect(await statementsOf(() => repository.create(leading))).toEqual([lookUp, bodies, lookUp, bodies]);
  expect(await statementsOf(() => repository.create(leading))).toEqual([lookUp]);
  const entry = { resource: patient(named).value, request: { method: 'POST', url: 'Patient' } };
  const bundle = { resourceType: 'Bundle', type: 'transaction', entry: Array.from({ length: 10 }, () => entry) };
  const send = () => repository.processBundle(JSON.stringify(bundle), baseUrl);
  expect(await statementsOf(send)).toEqual(['store_definitions']);
});

/** The same database, and the names of the statements that are sent to it. */
function listening() {
  const sent: string[] = [];
  const heard = (connection: Connection): Connection => ({
    query: (statement) => {
      sent.push(statement.name ?? '');
      return connection.query(statement);
    },
    transaction: (work, options) => connection.transaction((inner) => work(heard(inner)), options),
  });
  const use: TenantDatabase['use'] = (work) => t.tenant.use((connection) => work(heard(connection)));
  return { tenant: tenantDatabase({ ...t.tenant, use, share: use }), sent };
}

describe('the profile that counts', () => {
  const needing = (...names: string[]): ProfileElement[] => names.map((name) => ({ path: `Patient.${name}`, min: 1 }));
  const bare = (canonical: string) => text({ resourceType: 'Patient', meta: { profile: [canonical] } });

  test('is the newest of those that have the url, unless the claim names a version', async () => {
    const repository = await settings({});
    const url = profileUrl('versions');
    for (const [version, name] of [
      ['1.9', 'gender'],
      ['1.10', 'birthDate'],
      ['1.2', 'address'],
    ] as const) {
      await store(structureDefinition('versions', 'Patient', needing(name), { version }));
    }
    expect(await wrong(repository.create(bare(url)))).toEqual(['Patient.birthDate']);
    expect(await wrong(repository.create(bare(`${url}|1.9`)))).toEqual(['Patient.gender']);
    expect(await wrong(repository.create(bare(`${url}|1.2`)))).toEqual(['Patient.address']);
    expect(await wrong(repository.create(bare(`${url}|2`)))).toBe('it was written');
  });

  test('is the one that is stored at that moment, whoever has stored it', async () => {
    const repository = await settings({});
    const url = profileUrl('changing');
    expect(await wrong(repository.create(bare(url)))).toBe('it was written');
    const id = await store(structureDefinition('changing', 'Patient', needing('gender')));
    expect(await wrong(repository.create(bare(url)))).toEqual(['Patient.gender']);
    const changed = structureDefinition('changing', 'Patient', needing('birthDate'), { id });
    await repository.update('StructureDefinition', id, text(changed));
    expect(await wrong(repository.create(bare(url)))).toEqual(['Patient.birthDate']);
    await repository.delete('StructureDefinition', id);
    expect(await wrong(repository.create(bare(url)))).toBe('it was written');
  });

  test('is that of the own project, although another one has the same url', async () => {
    const other = await aTenant();
    try {
      await store(structureDefinition('shared', 'Patient', needing('gender')));
      const elsewhere = await other.repository();
      await elsewhere.create(text(structureDefinition('shared', 'Patient', needing('birthDate'))));
      expect(await wrong((await settings({})).create(bare(profileUrl('shared'))))).toEqual(['Patient.gender']);
      expect(await wrong(elsewhere.create(bare(profileUrl('shared'))))).toEqual(['Patient.birthDate']);
    } finally {
      await other.close();
    }
  });

  test('leads to those that its elements name, and to the one that it is made of', async () => {
    const repository = await settings({});
    await store(
      structureDefinition('birth-place', 'Extension', [
        { path: 'Extension.url', fixedUri: profileUrl('birth-place') },
        { path: 'Extension.value[x]', min: 1, type: [{ code: 'Address' }] },
      ]),
    );
    const extension = { code: 'Extension', profile: [profileUrl('birth-place')] };
    await store(
      structureDefinition('born', 'Patient', [
        { path: 'Patient.extension', slicing: { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' } },
        { path: 'Patient.extension', sliceName: 'birthPlace', min: 1, max: '1', type: [extension] },
      ]),
    );
    const child = { differential: true, baseDefinition: profileUrl('born') };
    await store(structureDefinition('child', 'Patient', needing('gender'), child));
    const born = (value: object) => ({ extension: [{ url: profileUrl('birth-place'), ...value }] });
    const write = (more: object) =>
      wrong(repository.create(text({ resourceType: 'Patient', ...claiming('child'), ...more })));
    expect(await write({})).toEqual(['Patient.gender', 'Patient.extension']);
    expect(await write({ gender: 'other', ...born({ valueString: 'x' }) })).toEqual(['Patient.extension[0].value']);
    expect(await write({ gender: 'other', ...born({ valueAddress: { city: 'x' } }) })).toBe('it was written');
  });
});

describe('somebody by a policy', () => {
  const all = { resourceType: 'Patient' };

  test('is held to profiles that they may not read, and is not told what they demand', async () => {
    await settings({});
    await store(structureDefinition('male', 'Patient', [{ path: 'Patient.gender', fixedCode: 'male' }]));
    const resource = () => text({ resourceType: 'Patient', gender: 'female', ...claiming('male') });
    const blind = await t.repository({
      policy: rules([all, { resourceType: 'StructureDefinition', interaction: ['create'] }]),
    });
    await expect(blind.create(resource())).rejects.toMatchObject({
      issues: [{ text: expect.not.stringContaining('"male"'), expression: ['Patient.gender'] }],
    });
    const partly = await t.repository({
      policy: rules([all, { resourceType: 'StructureDefinition', criteria: 'StructureDefinition?status=draft' }]),
    });
    await expect(partly.create(resource())).rejects.toMatchObject({
      issues: [{ text: expect.not.stringContaining('"male"') }],
    });
    const reader = await t.repository({ policy: memberPolicy });
    await expect(reader.create(resource())).rejects.toMatchObject({
      issues: [{ text: expect.stringContaining('"male"') }],
    });
  });

  test('is held to profiles as far as they see the resource', async () => {
    const everybody = await settings({});
    await store(
      structureDefinition('adult', 'Patient', [
        { path: 'Patient.birthDate', min: 1 },
        { path: 'Patient.name', min: 1 },
        { path: 'Patient.address.city', min: 1 },
      ]),
    );
    const hidden = { birthDate: '1980-01-01', address: [{ text: 'x', city: 'y' }] };
    const { id } = (await everybody.create(text({ resourceType: 'Patient', ...hidden }))).version;
    const writer = await t.repository({ policy: rules([{ ...all, hiddenFields: ['birthDate', 'address.city'] }]) });
    const seen = { resourceType: 'Patient', id, address: [{ text: 'z' }], ...claiming('adult') };
    expect(await wrong(writer.update('Patient', id, text(seen)))).toEqual(['Patient.name']);
    expect((await writer.update('Patient', id, text({ ...seen, ...named }))).changed).toBe(true);
    // Of what they make themselves they see everything.
    expect(await wrong(writer.create(text({ resourceType: 'Patient', ...claiming('adult'), ...named })))).toEqual([
      'Patient.birthDate',
    ]);
  });

  test('cannot ask for a hidden field by a profile', async () => {
    const everybody = await settings({});
    const ask = (path: string, expression: string) => {
      const constraint = [{ key: 'ask-1', severity: 'error', human: 'x', expression }];
      return { path, constraint };
    };
    await store(structureDefinition('ask-root', 'Patient', [ask('Patient', "birthDate.toString() = '1980-01-01'")]));
    await store(
      structureDefinition('ask-name', 'Patient', [
        ask('Patient.name', "%resource.birthDate.toString() = '1980-01-01'"),
      ]),
    );
    await store(structureDefinition('ask-fixed', 'Patient', [{ path: 'Patient.birthDate', fixedDate: '1980-01-01' }]));
    await store(structureDefinition('ask-none', 'Patient', [{ path: 'Patient.birthDate', max: '0' }]));
    const writer = await t.repository({ policy: rules([{ ...all, hiddenFields: ['birthDate'] }]) });
    for (const profile of ['ask-root', 'ask-name', 'ask-fixed', 'ask-none']) {
      const answers = await Promise.all(
        [{ birthDate: '1980-01-01' }, { birthDate: '1990-01-01' }, {}].map(async (stored) => {
          const { id } = (await everybody.create(text({ resourceType: 'Patient', ...stored }))).version;
          const resource = text({ resourceType: 'Patient', id, ...claiming(profile), ...named });
          return writer.update('Patient', id, resource).then(
            ({ changed }) => changed,
            (error: Refusal) => error.issues,
          );
        }),
      );
      expect({ profile, answers: new Set(answers.map((answer) => JSON.stringify(answer))).size }).toEqual({
        profile,
        answers: 1,
      });
    }
    // Those who see it are held to it.
    const birthDate = '1990-01-01';
    expect(
      await wrong(everybody.create(text({ resourceType: 'Patient', birthDate, ...claiming('ask-root') }))),
    ).toEqual(['Patient']);
  });

  test('learns of profiles only when they may write the resource', async () => {
    await settings({});
    const nobody = await t.repository({ policy: rules([{ ...all, criteria: 'Patient?active=true' }]) });
    await expect(nobody.create(patient())).rejects.toMatchObject({ category: 'forbidden' });
  });
});
