/** Hidden and readonly fields on write: they keep what is stored, nobody erases what they cannot see or finds it out. */
import { jsonPatch, type JsonObject } from '#fhir';
import type { ResourceRepository, StoredVersion } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aPatient, aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
});
afterAll(() => t.close());

const member = (...rule: JsonObject[]) => t.repository({ policy: rules(rule) });
const failed = (category: string) => expect.objectContaining({ category }) as unknown;
const current = async ({ id }: Pick<StoredVersion, 'id'>) => parse((await owner.read('Patient', id)).body);
const patch = (...operations: object[]) => jsonPatch(JSON.stringify(operations));

const full = {
  gender: 'female',
  birthDate: '1980-02-03',
  address: [
    { city: 'Quay', postalCode: '1000' },
    { city: 'Bay', postalCode: '2000' },
  ],
};
/** What is hidden, as it stands in a text: ids are random, and may hold any four digits. */
const secrets = /"1980-|"1000"|"2000"/;
const stored = async () => (await owner.create(aPatient(full))).version;

const hiding = { resourceType: 'Patient', hiddenFields: ['birthDate', 'address.postalCode'] };
const readonly = { resourceType: 'Patient', readonlyFields: ['birthDate', 'address.postalCode'] };

describe('hidden fields', () => {
  test('are not erased by a client that sends back what it has read', async () => {
    const version = await stored();
    const repository = await member(hiding);
    const read = parse(
      (await repository.patch('Patient', version.id, patch({ op: 'replace', path: '/active', value: false }))).version
        .body,
    );
    expect(JSON.stringify(read)).not.toMatch(secrets);
    const { version: written } = await repository.update('Patient', version.id, text({ ...read, gender: 'male' }));
    expect(written.body).not.toMatch(secrets);
    expect(await current(version)).toMatchObject({ ...full, active: false, gender: 'male' });
  });

  test('that come back make no new version by themselves', async () => {
    const version = await stored();
    const { version: before } = await (
      await member(hiding)
    ).update(
      'Patient',
      version.id,
      aPatient({ id: version.id, gender: 'female', address: [{ city: 'Quay' }, { city: 'Bay' }] }),
    );
    expect(before).toMatchObject({ versionId: version.versionId });
    expect(before.body).not.toMatch(secrets);
  });

  test('keep their stored value whatever is written', async () => {
    const version = await stored();
    const sent = { ...full, birthDate: '1999-09-09', address: [{ city: 'Quay', postalCode: '9' }, { city: 'Bay' }] };
    await (await member(hiding)).update('Patient', version.id, aPatient({ id: version.id, ...sent, active: false }));
    expect(await current(version)).toMatchObject({ ...full, active: false });
  });

  test('stay away when nothing is stored', async () => {
    const { version } = await owner.create(aPatient());
    await (await member(hiding)).update('Patient', version.id, aPatient({ id: version.id, ...full }));
    expect(await current(version)).toMatchObject({ address: [{ city: 'Quay' }, { city: 'Bay' }] });
    expect(await current(version)).not.toHaveProperty('birthDate');
  });

  test('of the rule for reading are kept too, and not shown, when another rule grants the write', async () => {
    const version = await stored();
    const repository = await member(
      { ...hiding, interaction: ['read', 'search'] },
      { resourceType: 'Patient', interaction: ['update'] },
    );
    const answer = await repository.update('Patient', version.id, aPatient({ id: version.id, active: false }));
    expect(answer.version.body).not.toMatch(secrets);
    expect(await current(version)).toMatchObject({ birthDate: '1980-02-03', active: false });
  });

  test('are not in the answer of a create, an update, a patch, or a conditional create that finds the resource', async () => {
    const repository = await member(hiding);
    const created = await repository.create(aPatient({ identifier: [{ value: 'hidden-found' }] }));
    await owner.update(
      'Patient',
      created.version.id,
      aPatient({ id: created.version.id, identifier: [{ value: 'hidden-found' }], ...full }),
    );
    const found = await repository.create(aPatient(), { ifNoneExist: 'identifier=hidden-found' });
    expect(found).toMatchObject({ created: false, version: { id: created.version.id } });
    expect(found.version.body).toContain('Quay');
    expect(found.version.body).not.toMatch(secrets);
  });

  test('that a required element is part of do not make the write invalid', async () => {
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, valueString: 'a' };
    const { version } = await owner.create(text(observation));
    const repository = await member({ resourceType: 'Observation', hiddenFields: ['code', 'value[x]'] });
    await repository.update(
      'Observation',
      version.id,
      text({ resourceType: 'Observation', id: version.id, status: 'amended' }),
    );
    expect(parse((await owner.read('Observation', version.id)).body)).toMatchObject({
      ...observation,
      status: 'amended',
    });
    await expect(
      repository.update('Observation', version.id, text({ resourceType: 'Observation', id: version.id })),
    ).rejects.toEqual(failed('invalid'));
  });

  test('are not told by what is wrong with the resource together with them', async () => {
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
    const { version } = await owner.create(text({ ...observation, valueString: 'secret' }));
    const repository = await member({ resourceType: 'Observation', hiddenFields: ['value[x]'] });
    const add = (path: string, value: unknown) => patch({ op: 'add', path, value });
    const reason = { text: 'unknown' };
    const neutral = expect.objectContaining({
      category: 'forbidden',
      issues: [expect.objectContaining({ code: 'forbidden' })],
    }) as unknown;
    await expect(repository.patch('Observation', version.id, add('/dataAbsentReason', reason))).rejects.toEqual(
      neutral,
    );
    const body = { ...observation, id: version.id, dataAbsentReason: reason };
    await expect(repository.update('Observation', version.id, text(body))).rejects.toEqual(neutral);
    const refusal = await repository.update('Observation', version.id, text({ ...body, status: 'wrong' })).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toEqual(failed('invalid'));
    expect(JSON.stringify((refusal as { issues: unknown }).issues)).not.toMatch(/dataAbsentReason|obs-6/);
  });
});

describe('PATCH', () => {
  test.each([
    ['test', { op: 'test', path: '/birthDate', value: '1980-02-03' }, 'precondition-failed'],
    ['test of a nested field', { op: 'test', path: '/address/0/postalCode', value: '1000' }, 'precondition-failed'],
    ['copy', { op: 'copy', from: '/birthDate', path: '/name/0/text' }, 'unprocessable'],
    ['move', { op: 'move', from: '/address/0/postalCode', path: '/name/0/text' }, 'unprocessable'],
    ['replace', { op: 'replace', path: '/birthDate', value: '2000-01-01' }, 'unprocessable'],
    ['remove', { op: 'remove', path: '/birthDate' }, 'unprocessable'],
  ])(
    'by %s on a hidden path fails as if there were nothing, for the right value and a wrong one',
    async (_, operation, category) => {
      const version = await stored();
      const repository = await member(hiding);
      const wrong = 'value' in operation ? { ...operation, value: 'wrong' } : operation;
      for (const attempt of [operation, wrong]) {
        await expect(repository.patch('Patient', version.id, patch(attempt))).rejects.toEqual(failed(category));
        const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [entryPatch(version.id, attempt)] };
        await expect(repository.processBundle(JSON.stringify(bundle), baseUrl)).rejects.toEqual(failed(category));
      }
      expect(await current(version)).toMatchObject(full);
    },
  );

  test('that adds a hidden field changes nothing of it', async () => {
    const version = await stored();
    const answer = await (
      await member(hiding)
    ).patch('Patient', version.id, patch({ op: 'add', path: '/birthDate', value: '2000-01-01' }));
    expect(answer.changed).toBe(false);
    expect(await current(version)).toMatchObject(full);
  });
});

const entryPatch = (id: string, operation: object) => ({
  request: { method: 'PATCH', url: `Patient/${id}` },
  resource: {
    resourceType: 'Binary',
    contentType: 'application/json-patch+json',
    data: Buffer.from(JSON.stringify([operation])).toString('base64'),
  },
});

describe('readonly fields', () => {
  test('keep the stored value silently while the rest is written, and the answer shows the truth', async () => {
    const version = await stored();
    const repository = await member(readonly);
    const sent = aPatient({
      id: version.id,
      ...full,
      birthDate: '1999-09-09',
      address: [
        { city: 'Cove', postalCode: '9' },
        { city: 'Bay', postalCode: '2000' },
      ],
    });
    const { version: answered } = await repository.update('Patient', version.id, sent);
    expect(parse(answered.body)).toMatchObject({
      birthDate: '1980-02-03',
      address: [
        { city: 'Cove', postalCode: '1000' },
        { city: 'Bay', postalCode: '2000' },
      ],
    });
    const patched = await repository.patch(
      'Patient',
      version.id,
      patch(
        { op: 'replace', path: '/birthDate', value: '2001-01-01' },
        { op: 'replace', path: '/gender', value: 'other' },
      ),
    );
    expect(parse(patched.version.body)).toMatchObject({ birthDate: '1980-02-03', gender: 'other' });
  });

  test('of the rule that grants the finished resource are kept too: a change of rules is no way around them', async () => {
    const version = await stored();
    const repository = await member(
      { resourceType: 'Patient', criteria: 'Patient?active=true' },
      { resourceType: 'Patient', criteria: 'Patient?active=false', readonlyFields: ['gender'] },
    );
    await repository.update(
      'Patient',
      version.id,
      aPatient({ id: version.id, ...full, active: false, gender: 'male' }),
    );
    expect(await current(version)).toMatchObject({ active: false, gender: 'female' });
    await repository.update('Patient', version.id, aPatient({ id: version.id, ...full, active: true, gender: 'male' }));
    expect(await current(version)).toMatchObject({ active: true, gender: 'female' });
  });

  test('count when criteria are judged: what cannot be written cannot bring a resource into reach', async () => {
    const version = await stored();
    const repository = await member({
      resourceType: 'Patient',
      criteria: 'Patient?active=true',
      readonlyFields: ['active'],
    });
    await repository.update('Patient', version.id, aPatient({ id: version.id, ...full, active: false }));
    expect(await current(version)).toMatchObject({ active: true });
  });
});
