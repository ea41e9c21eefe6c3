/** What the Project resource says of writes: references that are checked, profiles that are added, how strict checks are. */
import { jsonPatch } from '#fhir';
import { StaleRights, type ResourceRepository } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aPatient, aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

/** Makes the settings those of the project. */
async function settings(more: object): Promise<ResourceRepository> {
  const id = t.tenant.projectId;
  const project = { resourceType: 'Project', id, name: 'Quay', strictMode: true, ...more };
  await (await t.repository()).update('Project', id, text(project));
  return t.repository();
}

const observation = (reference: string, more: object = {}) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  subject: { reference },
  ...more,
});
const paths = async (write: Promise<unknown>) => {
  const error = await write.then(
    () => undefined,
    (thrown: unknown) => thrown as { category: string; issues: { expression: string[] }[] },
  );
  return error?.category === 'invalid' ? error.issues.map(({ expression }) => expression[0]) : error;
};

describe('references checked on write', () => {
  test('must lead to what exists, else each bad path is an issue', async () => {
    const repository = await settings({ checkReferencesOnWrite: true });
    const { id } = (await repository.create(aPatient())).version;
    const good = observation(`Patient/${id}`, { performer: [{ reference: `${baseUrl}Patient/${id}` }] });
    const { version } = await repository.create(text(good));
    const bad = observation('Patient/nobody', {
      performer: [
        { reference: `Patient/${id}` },
        { reference: 'Practitioner/nobody' },
        { reference: `${baseUrl}Patient/no` },
      ],
    });
    const expected = ['Observation.subject', 'Observation.performer[1]', 'Observation.performer[2]'];
    expect(await paths(repository.create(text(bad)))).toEqual(expected);
    expect(await paths(repository.update('Observation', version.id, text({ ...bad, id: version.id })))).toEqual(
      expected,
    );
    const patch = jsonPatch('[{"op":"replace","path":"/subject/reference","value":"Patient/nobody"}]');
    expect(await paths(repository.patch('Observation', version.id, patch))).toEqual(['Observation.subject']);
  });

  test('are not those to contained resources, of other servers, in meta, or by identifier', async () => {
    const repository = await settings({ checkReferencesOnWrite: true });
    const resource = {
      ...observation('#inside'),
      contained: [{ resourceType: 'Patient', id: 'inside' }],
      performer: [{ reference: 'https://elsewhere.example/fhir/Patient/1' }, { identifier: { value: 'Patient/1' } }],
      meta: { extension: [{ url: 'https://a.example', valueReference: { reference: 'Patient/nobody' } }] },
    };
    expect((await repository.create(text(resource))).created).toBe(true);
  });

  test('must be visible to the writer', async () => {
    const all = await settings({ checkReferencesOnWrite: true });
    const seen = (await all.create(aPatient())).version.id;
    const unseen = (await all.create(aPatient({ active: false }))).version.id;
    const by = async (...rule: object[]) => t.repository({ policy: rules(rule as never) });
    const writer = await by(
      { resourceType: 'Observation' },
      { resourceType: 'Patient', criteria: 'Patient?active=true' },
    );
    expect((await writer.create(text(observation(`Patient/${seen}`)))).created).toBe(true);
    const focus = [{ reference: `Patient/${unseen}` }];
    expect(await paths(writer.create(text(observation(`Patient/${seen}`, { focus }))))).toEqual([
      'Observation.focus[0]',
    ]);
    const blind = await by({ resourceType: 'Observation' });
    expect(await paths(blind.create(text(observation(`Patient/${seen}`))))).toEqual(['Observation.subject']);
  });

  test('are neither the variables of policies nor what the server itself looks after', async () => {
    const elsewhere = { owner: { reference: 'User/nobody' }, link: [{ project: { reference: 'Project/elsewhere' } }] };
    const repository = await settings({ checkReferencesOnWrite: true, ...elsewhere });
    const compartment = { reference: '%organization' };
    const resource = [{ resourceType: 'Patient', compartment }];
    const policy = text({ resourceType: 'AccessPolicy', compartment, resource });
    expect((await repository.create(policy)).created).toBe(true);
    // The project that has changed is written under the setting now, and so is somebody's place in it.
    const again = await settings({ checkReferencesOnWrite: true, ...elsewhere, description: 'changed' });
    const membership = {
      resourceType: 'ProjectMembership',
      project: { reference: `Project/${t.tenant.projectId}` },
      user: { reference: 'User/nobody' },
      profile: { reference: 'Practitioner/nobody' },
    };
    expect(await paths(again.create(text(membership)))).toEqual(['ProjectMembership.profile']);
  });

  test('may lead to what the same transaction makes, and refuse it as a whole', async () => {
    const repository = await settings({ checkReferencesOnWrite: true });
    const send = (...subjects: string[]) =>
      repository.processBundle(
        JSON.stringify({
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            ...subjects.map((subject) => ({
              resource: observation(subject),
              request: { method: 'POST', url: 'Observation' },
            })),
            {
              fullUrl: 'urn:uuid:p',
              resource: { resourceType: 'Patient' },
              request: { method: 'POST', url: 'Patient' },
            },
          ],
        }),
        baseUrl,
      );
    expect(await send('urn:uuid:p')).toContain('"status":"201"');
    expect(await paths(send('urn:uuid:p', 'Patient/nobody'))).toEqual(['Bundle.entry[1].resource.subject']);
  });

  test('in a hidden field are not told by an error', async () => {
    const all = await settings({});
    const { id } = (await all.create(text(observation('Patient/long-gone')))).version;
    await settings({ checkReferencesOnWrite: true });
    const writer = await t.repository({ policy: rules([{ resourceType: 'Observation', hiddenFields: ['subject'] }]) });
    const { subject: _, ...rest } = observation('');
    expect((await writer.update('Observation', id, text({ ...rest, id, status: 'amended' }))).changed).toBe(true);
  });

  test('are not checked in other projects', async () => {
    const repository = await settings({ checkReferencesOnWrite: false });
    expect((await repository.create(text(observation('Patient/nobody')))).created).toBe(true);
  });

  test('count from the moment at which the project says so: a caller of before is told that rights have changed', async () => {
    const before = await settings({ checkReferencesOnWrite: false });
    await settings({ checkReferencesOnWrite: true });
    await expect(before.create(text(observation('Patient/nobody')))).rejects.toBeInstanceOf(StaleRights);
  });
});

describe('default profiles', () => {
  const profile = ['https://profiles.example/patient'];

  test('are given to a resource of their type that has none', async () => {
    const repository = await settings({ defaultProfile: [{ resourceType: 'Patient', profile }] });
    const profileOf = async (more: object) =>
      (parse((await repository.create(aPatient(more))).version.body)['meta'] as { profile?: string[] }).profile;
    expect(await profileOf({})).toEqual(profile);
    expect(await profileOf({ meta: { tag: [{ code: 'x' }] } })).toEqual(profile);
    expect(await profileOf({ meta: { profile: ['https://own.example'] } })).toEqual(['https://own.example']);
    const { version } = await repository.create(text(observation('Patient/x')));
    expect(version.body).not.toContain('profile');
  });
});

describe('a project that is not strict', () => {
  test('checks the form of resources alone', async () => {
    const policy = { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient', criteria: 'active=true' }] };
    const strict = await settings({ strictMode: true });
    await expect(strict.create(text(policy))).rejects.toMatchObject({ category: 'invalid' });
    const loose = await settings({ strictMode: false });
    expect((await loose.create(text(policy))).created).toBe(true);
    await expect((await t.repository()).create(text({ resourceType: 'Patient', nonsense: 1 }))).rejects.toMatchObject({
      category: 'invalid',
    });
  });
});
