/** How far resources are checked before they are written: what the operator says in the Project resource. */
import { OutcomeError } from '#fhir';
import { StaleRights, type ResourceRepository } from '#fhir-store';
import { aTenant, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const contactWithoutDetails = text('{"resourceType":"Patient","contact":[{"gender":"male"}]}');
const unknownElement = text('{"resourceType":"Patient","nmae":"x"}');
const wrongPolicy = text({
  resourceType: 'AccessPolicy',
  resource: [{ resourceType: 'Patient', criteria: 'active=true' }],
});
const level = (valueString: string) => [{ name: 'validationLevel', valueString }];
const invariant = {
  issues: [{ code: 'invariant', expression: ['Patient.contact[0]'], text: expect.stringContaining('pat-1') }],
};

/** Makes the members those of the Project. */
async function project(members: object): Promise<ResourceRepository> {
  const id = t.tenant.projectId;
  const resource = { resourceType: 'Project', id, name: 'Quay', strictMode: true, ...members };
  await (await t.repository()).update('Project', id, text(resource));
  return t.repository();
}

test('a project checks invariants unless its operator says otherwise', async () => {
  for (const members of [{}, { setting: level('structure') }, { systemSetting: level('invariants') }]) {
    const repository = await project(members);
    await expect(repository.create(contactWithoutDetails)).rejects.toMatchObject(invariant);
  }
});

test('a project at level structure takes what breaks an invariant, but not what has a wrong form or grants nothing', async () => {
  const repository = await project({ systemSetting: level('structure') });
  expect((await repository.create(contactWithoutDetails)).created).toBe(true);
  await expect(repository.create(unknownElement)).rejects.toMatchObject({
    issues: [{ code: 'structure', expression: ['Patient.nmae'] }],
  });
  await expect(repository.create(wrongPolicy)).rejects.toMatchObject({ category: 'invalid' });
});

test('the level counts for patches and transactions as well, and for the next write after it has changed', async () => {
  const loose = await project({ systemSetting: level('structure') });
  const { id } = (await loose.create(text({ resourceType: 'Patient' }))).version;
  const bundle = JSON.stringify({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        resource: { resourceType: 'Patient', contact: [{ gender: 'male' }] },
        request: { method: 'POST', url: 'Patient' },
      },
    ],
  });
  const addContact = (body: string) => JSON.stringify({ ...JSON.parse(body), contact: [{ gender: 'male' }] });
  const send = (repository: ResourceRepository) => repository.processBundle(bundle, 'http://quay.test/fhir/R4/');
  expect((await loose.patch('Patient', id, addContact)).changed).toBe(true);
  expect(await send(loose)).toContain('"status":"201"');

  const strict = await project({});
  await expect(loose.create(contactWithoutDetails)).rejects.toBeInstanceOf(StaleRights);
  const { id: another } = (await strict.create(text({ resourceType: 'Patient' }))).version;
  await expect(strict.patch('Patient', another, addContact)).rejects.toMatchObject(invariant);
  await expect(send(strict)).rejects.toMatchObject({
    issues: [{ code: 'invariant', expression: ['Bundle.entry[0].resource.contact[0]'] }],
  });
});

test('a refusal by what the operator has said before is none: the caller is told that rights have changed', async () => {
  const strict = await project({});
  const { id } = (await strict.create(text({ resourceType: 'Patient' }))).version;
  const entry = (resource: object) => ({ resource, request: { method: 'POST', url: 'Patient' } });
  const transaction = JSON.stringify({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [entry({ resourceType: 'Patient', contact: [{ gender: 'male' }] })],
  });
  const writes = [
    () => strict.create(contactWithoutDetails),
    () => strict.update('Patient', id, text({ resourceType: 'Patient', id, contact: [{ gender: 'male' }] })),
    () => strict.patch('Patient', id, (body) => JSON.stringify({ ...JSON.parse(body), contact: [{ gender: 'male' }] })),
    () => strict.processBundle(transaction, 'http://quay.test/fhir/R4/'),
  ];
  for (const write of writes) await expect(write()).rejects.toBeInstanceOf(OutcomeError);
  await project({ systemSetting: level('structure') });
  for (const write of writes) await expect(write()).rejects.toBeInstanceOf(StaleRights);
});
