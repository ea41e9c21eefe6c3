/** Access policies inside of Bundles and in conditional interactions. */
import type { JsonObject } from '#fhir';
import { parseSearch } from '#fhir-search';
import type { ResourceRepository } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aPatient, aTenant, baseUrl, parse, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
});
afterAll(() => t.close());

interface Entry {
  response: { status: string; outcome?: { issue: { code: string }[] } };
  resource?: JsonObject;
}

const member = (...rule: JsonObject[]) => t.repository({ policy: rules(rule), agent: 'Practitioner/bundle' });
const failed = (category: string, message = '') =>
  expect.objectContaining({ category, message: expect.stringContaining(message) as unknown }) as unknown;
const send = async (by: ResourceRepository, type: string, ...entry: object[]): Promise<Entry[]> => {
  const answer = await by.processBundle(JSON.stringify({ resourceType: 'Bundle', type, entry }), baseUrl);
  return (parse(answer) as unknown as { entry?: Entry[] }).entry ?? [];
};
const statuses = (entries: Entry[]) => entries.map(({ response }) => response.status);
const patient = (more: { id?: string } & JsonObject = {}) => ({
  resourceType: 'Patient',
  active: true,
  name: [{ family: 'Quay' }],
  ...more,
});
const post = (resource: { resourceType: string } & JsonObject) => ({
  resource,
  request: { method: 'POST', url: resource.resourceType },
});
const put = (resource: { id?: string } & JsonObject) => ({
  resource,
  request: { method: 'PUT', url: `Patient/${resource.id}` },
});
const patch = (id: string, operation: object) => ({
  request: { method: 'PATCH', url: `Patient/${id}` },
  resource: {
    resourceType: 'Binary',
    contentType: 'application/json-patch+json',
    data: Buffer.from(JSON.stringify([operation])).toString('base64'),
  },
});
const stored = async (more: object = {}) => (await owner.create(aPatient(more))).version.id;
const count = async (query: string) =>
  (await owner.search(parseSearch(t.tenant.version, 'Patient', `${query}&_total=accurate`, { handling: 'strict' })))
    .total;

const activeOnly = { resourceType: 'Patient', criteria: 'Patient?active=true' };

describe('a batch', () => {
  test('judges each entry alone: one that is refused leaves the others', async () => {
    const inactive = await stored({ active: false });
    const active = await stored();
    const entries = await send(
      await member(activeOnly),
      'batch',
      post(patient()),
      post(patient({ active: false })),
      put(patient({ id: inactive })),
      put(patient({ id: active, gender: 'male' })),
      put(patient({ id: active, active: false })),
      patch(inactive, { op: 'replace', path: '/active', value: true }),
      { request: { method: 'DELETE', url: `Patient/${inactive}` } },
      post({ resourceType: 'Observation', status: 'final', code: { text: 'x' } }),
    );
    expect(statuses(entries)).toEqual(['201', '403', '403', '200', '403', '403', '403', '403']);
    expect(entries[1]?.response.outcome?.issue[0]?.code).toBe('forbidden');
  });

  test('records each refused entry in the audit', async () => {
    const id = await stored({ active: false });
    await send(await member(activeOnly), 'batch', put(patient({ id })), {
      request: { method: 'DELETE', url: `Patient/${id}` },
    });
    const records = await t.rows<{ action: string }>(
      `SELECT action FROM audit_event WHERE outcome <> 0 AND entity = $1 ORDER BY action`,
      `Patient/${id}`,
    );
    expect(records.map(({ action }) => action)).toEqual(['D', 'U']);
  });
});

describe('a transaction', () => {
  const value = 'policy-transaction';

  test.each<[string, (ids: { active: string; inactive: string }) => object]>([
    ['create', () => post(patient({ active: false }))],
    ['update of what is not granted', ({ inactive }) => put(patient({ id: inactive }))],
    ['update out of reach', ({ active }) => put(patient({ id: active, active: false }))],
    ['patch', ({ inactive }) => patch(inactive, { op: 'replace', path: '/active', value: true })],
    ['delete', ({ inactive }) => ({ request: { method: 'DELETE', url: `Patient/${inactive}` } })],
  ])('with one refused %s is refused with the outcome of that entry, and nothing is stored', async (_, refused) => {
    const ids = { active: await stored(), inactive: await stored({ active: false }) };
    const before = await count('_count=0');
    const repository = await member(activeOnly);
    await expect(
      send(repository, 'transaction', post(patient({ identifier: [{ value }] })), refused(ids)),
    ).rejects.toEqual(failed('forbidden', 'Bundle.entry[1]'));
    expect(await count('_count=0')).toBe(before);
  });

  test('that is refused is recorded in the audit by the entry that was', async () => {
    const id = await stored({ active: false });
    const refusals = async () =>
      (
        await t.rows<{ action: string; entity: string }>(
          `SELECT action, entity FROM audit_event WHERE outcome <> 0 AND agent = 'Practitioner/bundle' ORDER BY id`,
        )
      ).map(({ action, entity }) => `${action} ${entity}`);
    const before = (await refusals()).length;
    const repository = await member(activeOnly);
    await expect(send(repository, 'transaction', post(patient()), put(patient({ id })))).rejects.toEqual(
      failed('forbidden'),
    );
    await expect(
      send(repository, 'transaction', post({ resourceType: 'Observation', status: 'final', code: { text: 'x' } })),
    ).rejects.toEqual(failed('forbidden'));
    expect((await refusals()).slice(before)).toEqual([`U Patient/${id}`, 'C Observation']);
  });

  test('of nothing but creates is refused as a whole too', async () => {
    const before = await count('_count=0');
    const repository = await member(activeOnly);
    await expect(send(repository, 'transaction', post(patient()), post(patient({ active: false })))).rejects.toEqual(
      failed('forbidden', 'Bundle.entry[1]'),
    );
    expect(await count('_count=0')).toBe(before);
  });

  test('that is granted is carried out, and its answer shows no hidden fields', async () => {
    const id = await stored({ birthDate: '1980-02-03' });
    const repository = await member({ ...activeOnly, hiddenFields: ['birthDate'] });
    const answers = await send(
      repository,
      'transaction',
      put(patient({ id, gender: 'male' })),
      patch(await stored({ birthDate: '1980-02-03' }), { op: 'add', path: '/gender', value: 'male' }),
      post(patient({ birthDate: '1980-02-03' })),
    );
    expect(statuses(answers)).toEqual(['200', '200', '201']);
    // To the month: ids are random, and may hold any four digits.
    expect(JSON.stringify(answers)).not.toContain('1980-02');
    expect(parse((await owner.read('Patient', id)).body)).toMatchObject({ birthDate: '1980-02-03', gender: 'male' });
  });

  test('says nothing of the type of a refusal that would tell a match', async () => {
    const identifier = [{ value: 'twice-in-transaction' }];
    const id = await stored({ identifier });
    const repository = await member(activeOnly);
    const conditional = {
      resource: patient({ identifier }),
      request: { method: 'PUT', url: 'Patient?identifier=twice-in-transaction' },
    };
    const attempt = send(repository, 'transaction', conditional, { ...conditional });
    const error = await attempt.then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error?.message).toContain('Bundle.entry');
    expect(error?.message).not.toContain(id);
  });
});

describe('a conditional interaction', () => {
  const repository = () => member(activeOnly);
  const invisible = async (value: string) => {
    await stored({ active: false, identifier: [{ value }] });
    return `identifier=${value}`;
  };
  const named = (value: string) => ({ identifier: [{ value }] });

  test('create: an invisible match does not exist, so a new resource is made', async () => {
    const query = await invisible('cond-create');
    const created = await (await repository()).create(aPatient(named('cond-create')), { ifNoneExist: query });
    expect(created.created).toBe(true);
    const again = await (await repository()).create(aPatient(named('cond-create')), { ifNoneExist: query });
    expect(again).toMatchObject({ created: false, version: { id: created.version.id } });
    expect(await count(query)).toBe(2);
  });

  test('create that finds its resource does not need it to be creatable', async () => {
    const id = await stored(named('cond-found'));
    const finder = await member(
      { ...activeOnly, interaction: ['search'] },
      { resourceType: 'Patient', criteria: 'Patient?gender=male', interaction: ['create'] },
    );
    const found = await finder.create(aPatient(named('cond-found')), { ifNoneExist: 'identifier=cond-found' });
    expect(found).toMatchObject({ created: false, version: { id } });
    await expect(finder.create(aPatient(), { ifNoneExist: 'identifier=cond-nobody' })).rejects.toEqual(
      failed('forbidden'),
    );
  });

  test('update: an invisible match does not exist, so a new resource is made, if that is granted', async () => {
    const query = await invisible('cond-update');
    await expect(
      (await repository()).conditionalUpdate('Patient', query, aPatient({ ...named('cond-update'), active: false })),
    ).rejects.toEqual(failed('forbidden'));
    const made = await (await repository()).conditionalUpdate('Patient', query, aPatient(named('cond-update')));
    expect(made.created).toBe(true);
    expect(await count(query)).toBe(2);
  });

  test('update that names the id of a resource that it cannot see is refused', async () => {
    const id = await stored({ active: false });
    await expect(
      (await repository()).conditionalUpdate('Patient', 'identifier=cond-nothing', aPatient({ id })),
    ).rejects.toEqual(failed('forbidden'));
  });

  test('patch: an invisible match is not found', async () => {
    const query = await invisible('cond-patch');
    const operation = patch('x', { op: 'add', path: '/gender', value: 'male' });
    const entry = { ...operation, request: { method: 'PATCH', url: `Patient?${query}` } };
    expect(statuses(await send(await repository(), 'batch', entry))).toEqual(['404']);
    await expect(send(await repository(), 'transaction', entry)).rejects.toEqual(failed('not-found'));
  });

  test('delete: an invisible match is left alone and nothing happens', async () => {
    const query = await invisible('cond-delete');
    expect(await (await repository()).conditionalDelete('Patient', query)).toEqual([]);
    expect(await count(query)).toBe(1);
  });

  test('with several visible matches is refused, however many are invisible', async () => {
    const value = 'cond-several';
    await invisible(value);
    await stored(named(value));
    const by = await repository();
    expect((await by.conditionalUpdate('Patient', `identifier=${value}`, aPatient(named(value)))).created).toBe(false);
    await stored(named(value));
    for (const attempt of [
      by.create(aPatient(), { ifNoneExist: `identifier=${value}` }),
      by.conditionalUpdate('Patient', `identifier=${value}`, aPatient()),
    ]) {
      await expect(attempt).rejects.toEqual(failed('multiple-matches'));
    }
  });

  test('needs the right to search', async () => {
    const writer = await member({ resourceType: 'Patient', interaction: ['create', 'update', 'delete', 'read'] });
    await expect(writer.create(aPatient(), { ifNoneExist: 'identifier=x' })).rejects.toEqual(failed('forbidden'));
    await expect(writer.conditionalUpdate('Patient', 'identifier=x', aPatient())).rejects.toEqual(failed('forbidden'));
    await expect(writer.conditionalDelete('Patient', 'identifier=x')).rejects.toEqual(failed('forbidden'));
  });

  test('cannot ask for a hidden field', async () => {
    await stored({ birthDate: '1980-02-03', ...named('cond-hidden') });
    const by = await member({ ...activeOnly, hiddenFields: ['birthDate'] });
    for (const query of ['birthdate=1980-02-03', 'birthdate=1990-01-01']) {
      await expect(by.create(aPatient(), { ifNoneExist: query })).rejects.toEqual(failed('forbidden'));
      await expect(by.conditionalUpdate('Patient', query, aPatient())).rejects.toEqual(failed('forbidden'));
      await expect(by.conditionalDelete('Patient', query)).rejects.toEqual(failed('forbidden'));
      const reference = {
        resourceType: 'Observation',
        status: 'final',
        code: { text: 'x' },
        subject: { reference: `Patient?${query}` },
      };
      const both = await member({ ...activeOnly, hiddenFields: ['birthDate'] }, { resourceType: 'Observation' });
      await expect(send(both, 'transaction', post(reference))).rejects.toEqual(failed('forbidden'));
    }
  });

  test('reference to what the caller cannot see is a bad request', async () => {
    const query = await invisible('cond-reference');
    const both = await member(activeOnly, { resourceType: 'Observation' });
    const reference = {
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'x' },
      subject: { reference: `Patient?${query}` },
    };
    await expect(send(both, 'transaction', post(reference))).rejects.toEqual(failed('invalid', 'Bundle.entry[0]'));
    await stored(named('cond-reference'));
    expect(statuses(await send(both, 'transaction', post(reference)))).toEqual(['201']);
  });
});
