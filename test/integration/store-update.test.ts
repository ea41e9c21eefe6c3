import { parseSearch } from '#fhir-search';
import { historyRequest, type ResourceRepository, type StoredVersion } from '#fhir-store';
import { aPatient, aTenant, baseUrl, memberPolicy, parse, policyOf, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const stored = async (more: object = {}): Promise<StoredVersion> => (await repository.create(aPatient(more))).version;
const put = (id: string, more: object = {}, options: { ifMatch?: string } = {}) =>
  repository.update('Patient', id, aPatient({ id, ...more }), options);
const idsFound = async (query: string) =>
  (await repository.search(parseSearch(t.tenant.version, 'Patient', query, { handling: 'strict' }))).hits.map(
    ({ id }) => id,
  );

describe('updating a resource', () => {
  test('makes a new version and keeps the old one', async () => {
    const first = await stored();
    const { version, created, changed } = await put(first.id, { gender: 'female' });
    expect({ created, changed }).toEqual({ created: false, changed: true });
    expect(Number(version.versionId)).toBeGreaterThan(Number(first.versionId));
    expect(version.lastUpdated >= first.lastUpdated).toBe(true);
    expect(parse(version.body)).toMatchObject({
      gender: 'female',
      meta: { versionId: version.versionId, lastUpdated: version.lastUpdated },
    });
    expect(await repository.read('Patient', first.id)).toMatchObject(version);
    expect(await repository.readVersion('Patient', first.id, first.versionId)).toEqual(first);
  });

  test('leaves every older version readable as it was', async () => {
    const versions = [await stored()];
    for (const gender of ['male', 'female', 'other']) {
      versions.push((await put(versions[0]?.id ?? '', { gender })).version);
    }
    for (const version of versions) {
      expect(await repository.readVersion('Patient', version.id, version.versionId)).toEqual(version);
    }
  });

  test('with the same content makes no version, whatever the client sends for what the server sets', async () => {
    const first = await stored({ meta: { tag: [{ code: 'x' }] } });
    const again = await put(first.id, {
      meta: { versionId: '99', lastUpdated: '2001-01-01T00:00:00Z', project: 'other', tag: [{ code: 'x' }] },
    });
    expect(again).toEqual({
      version: { ...first, rowId: expect.any(String) as unknown },
      created: false,
      changed: false,
      isShown: true,
    });
    expect(
      (await repository.history(historyRequest({ type: 'Patient', id: first.id }, '_count=10&_offset=0'))).total,
    ).toBe(1);
  });

  test('counts a change of number text as a change', async () => {
    const observation = (value: string) =>
      text(
        `{"resourceType":"Observation","id":"number-text","status":"final","code":{"text":"x"},"valueQuantity":{"value":${value}}}`,
      );
    await repository.update('Observation', 'number-text', observation('1.0'));
    expect((await repository.update('Observation', 'number-text', observation('1.00'))).changed).toBe(true);
  });

  test('replaces what it is found by', async () => {
    const first = await stored({
      identifier: [{ value: 'before' }],
      name: [{ family: 'Beforehand' }],
      birthDate: '1950',
    });
    await put(first.id, { identifier: [{ value: 'after' }], name: [{ family: 'Afterwards' }], birthDate: '1960' });
    for (const [query, found] of [
      ['identifier=before', false],
      ['identifier=after', true],
      ['family=beforehand', false],
      ['family=afterwards', true],
      ['birthdate=1950', false],
      ['birthdate=1960', true],
    ] as const) {
      expect([query, (await idsFound(query)).includes(first.id)]).toEqual([query, found]);
    }
  });

  test.each([
    ['another type', text({ resourceType: 'Basic', id: 'x', code: { text: 'x' } })],
    ['another id', aPatient({ id: 'y' })],
    ['no id', aPatient()],
    ['an invalid resource', aPatient({ id: 'x', gender: 'nonsense' })],
  ])('with %s in the body is refused', async (_, body) => {
    await expect(repository.update('Patient', 'x', body)).rejects.toMatchObject({ category: 'invalid' });
  });

  test('without the right is refused before the id is looked at', async () => {
    const reader = await t.repository({ policy: policyOf('read *', 'create *') });
    await expect(reader.update('Patient', 'unknown', aPatient({ id: 'unknown' }))).rejects.toMatchObject({
      category: 'forbidden',
    });
  });

  test('an id that no resource can have is refused', async () => {
    await expect(repository.update('Patient', 'a_b', aPatient({ id: 'a_b' }))).rejects.toMatchObject({
      category: 'invalid',
    });
  });
});

describe('If-Match', () => {
  test.each(['W/"V"', '"V"', 'W/"1", W/"V"', '*'])('%s lets the current version V be replaced', async (header) => {
    const first = await stored();
    const ifMatch = header.replace('V', first.versionId);
    expect((await put(first.id, { gender: 'other' }, { ifMatch })).changed).toBe(true);
  });

  test('of another version is refused for updates and deletes', async () => {
    const first = await stored();
    await put(first.id, { gender: 'other' });
    const ifMatch = `W/"${first.versionId}"`;
    await expect(put(first.id, { gender: 'male' }, { ifMatch })).rejects.toMatchObject({
      category: 'precondition-failed',
    });
    await expect(repository.delete('Patient', first.id, { ifMatch })).rejects.toMatchObject({
      category: 'precondition-failed',
    });
  });

  test('lets exactly one of many concurrent updates through', async () => {
    const first = await stored();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) =>
        put(first.id, { multipleBirthInteger: n }, { ifMatch: `W/"${first.versionId}"` }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ category: 'precondition-failed' });
    }
    expect(
      (await repository.history(historyRequest({ type: 'Patient', id: first.id }, '_count=10&_offset=0'))).total,
    ).toBe(2);
  });
});

test('concurrent updates of one resource all succeed, in some order, and the index holds the last one only', async () => {
  const first = await stored();
  await Promise.all(Array.from({ length: 10 }, (_, n) => put(first.id, { name: [{ family: `Writer${n}` }] })));
  const { total, versions } = await repository.history(
    historyRequest({ type: 'Patient', id: first.id }, '_count=50&_offset=0'),
  );
  expect(total).toBe(11);
  const numbers = versions.map(({ versionId }) => Number(versionId));
  expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
  const instants = versions.map(({ lastUpdated }) => lastUpdated);
  expect(instants).toEqual([...instants].sort().reverse());
  const found = await Promise.all(Array.from({ length: 10 }, (_, n) => idsFound(`family:exact=Writer${n}`)));
  expect(found.flat()).toEqual([first.id]);
  const rows = await t.rows<{ original: string }>(
    `SELECT DISTINCT s.original FROM resource_string s JOIN resource r ON r.id = s.resource_id WHERE r.fhir_id = $1`,
    first.id,
  );
  expect(rows.map(({ original }) => original)).toEqual([
    (parse((await repository.read('Patient', first.id)).body)['name'] as { family: string }[])[0]?.family,
  ]);
});

describe('deleting a resource', () => {
  test('makes a version that says so; reading answers gone, old versions stay', async () => {
    const first = await stored({ identifier: [{ value: 'to-delete' }] });
    const deleted = await repository.delete('Patient', first.id);
    expect(deleted).toMatchObject({ deleted: true, body: '' });
    expect(Number(deleted.versionId)).toBeGreaterThan(Number(first.versionId));
    await expect(repository.read('Patient', first.id)).rejects.toMatchObject({ category: 'gone' });
    await expect(repository.readVersion('Patient', first.id, deleted.versionId)).rejects.toMatchObject({
      category: 'gone',
    });
    expect(await repository.readVersion('Patient', first.id, first.versionId)).toEqual(first);
    expect(await idsFound('identifier=to-delete')).toEqual([]);
    expect(await idsFound(`_id=${first.id}`)).toEqual([]);
  });

  test('twice gives the same version again; an unknown id is not found', async () => {
    const { id } = await stored();
    const deleted = await repository.delete('Patient', id);
    expect(await repository.delete('Patient', id)).toMatchObject({ versionId: deleted.versionId });
    await expect(repository.delete('Patient', 'never-there')).rejects.toMatchObject({ category: 'not-found' });
    await expect(repository.delete('Patient', 'no_id')).rejects.toMatchObject({ category: 'not-found' });
  });

  test('can be undone by a PUT of somebody who may create by PUT, and by nobody else', async () => {
    const { id } = await stored();
    await repository.delete('Patient', id);
    const member = await t.repository({ policy: memberPolicy });
    await expect(member.update('Patient', id, aPatient({ id }))).rejects.toMatchObject({ category: 'gone' });
    expect(await put(id)).toMatchObject({ created: true, changed: true });
    expect(await repository.read('Patient', id)).toMatchObject({ deleted: false });
  });

  test('writes an audit row', async () => {
    const { id } = await stored();
    const { versionId } = await repository.delete('Patient', id);
    expect(
      await t.rows(`SELECT action, outcome FROM audit_event WHERE entity = $1`, `Patient/${id}/_history/${versionId}`),
    ).toEqual([{ action: 'D', outcome: 0 }]);
  });
});

describe('history of a resource', () => {
  test('lists all versions, newest first, deletions and revivals included, and pages', async () => {
    const first = await stored();
    const second = (await put(first.id, { gender: 'male' })).version;
    const third = await repository.delete('Patient', first.id);
    const fourth = (await put(first.id, { gender: 'female' })).version;
    const whole = await repository.history(historyRequest({ type: 'Patient', id: first.id }, '_count=10&_offset=0'));
    expect(whole.total).toBe(4);
    const shown = (versions: (StoredVersion | undefined)[]) =>
      versions.map((version) => ({ ...version, rowId: first.versionId }));
    expect(whole.versions).toEqual(shown([fourth, third, second, first]));
    const page = await repository.history(historyRequest({ type: 'Patient', id: first.id }, '_count=2&_offset=1'));
    expect(page).toMatchObject({ total: 4, versions: shown([third, second]) });
    expect(page.next).toBeDefined();
    expect(await repository.history(historyRequest({ type: 'Patient', id: first.id }, '_count=2&_offset=9'))).toEqual({
      total: 4,
      versions: [],
    });
  });

  test('of an unknown id is not found', async () => {
    await expect(
      repository.history(historyRequest({ type: 'Patient', id: 'never' }, '_count=1&_offset=0')),
    ).rejects.toMatchObject({
      category: 'not-found',
    });
  });

  test('a version belongs to its own resource only', async () => {
    const [one, other] = [await stored(), await stored()];
    for (const version of [other.versionId, '0', '-1', '1e3', '999999999999999999999', 'abc', '']) {
      await expect(repository.readVersion('Patient', one.id, version)).rejects.toMatchObject({ category: 'not-found' });
    }
  });
});

describe('updating by criteria', () => {
  const upsert = (query: string, more: object) => repository.conditionalUpdate('Patient', query, aPatient(more));

  test('with If-Match makes no resource when nothing matches, in a transaction neither', async () => {
    const none = { identifier: [{ value: 'if-match-none' }] };
    const query = 'identifier=if-match-none';
    const failed = expect.objectContaining({ category: 'precondition-failed' }) as unknown;
    const ifMatch = 'W/"5"';
    await expect(repository.conditionalUpdate('Patient', query, aPatient(none), { ifMatch })).rejects.toEqual(failed);
    const entry = [
      { request: { method: 'PUT', url: `Patient?${query}`, ifMatch }, resource: { resourceType: 'Patient', ...none } },
    ];
    const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
    await expect(repository.processBundle(bundle, baseUrl)).rejects.toEqual(failed);
    expect(await idsFound(query)).toEqual([]);
    const ifNoneMatch = '*';
    const made = await repository.conditionalUpdate('Patient', query, aPatient(none), { ifNoneMatch });
    expect(made.created).toBe(true);
  });

  test('makes the resource, then updates it, then changes nothing', async () => {
    const identifier = [{ system: 'urn:mrn', value: 'upsert' }];
    const first = await upsert('identifier=urn:mrn|upsert', { identifier });
    const second = await upsert('identifier=urn:mrn|upsert', { identifier, gender: 'male' });
    const third = await upsert('identifier=urn:mrn|upsert', { identifier, gender: 'male' });
    expect([first, second, third].map(({ created, changed }) => [created, changed])).toEqual([
      [true, true],
      [false, true],
      [false, false],
    ]);
    expect(new Set([first, second, third].map(({ version }) => version.id)).size).toBe(1);
  });

  test('is refused when several match, when the body names another id, and without criteria', async () => {
    const one = await stored({ identifier: [{ value: 'u1' }, { value: 'u2' }] });
    await stored({ identifier: [{ value: 'u1' }] });
    await expect(upsert('identifier=u1', {})).rejects.toMatchObject({ category: 'multiple-matches' });
    await expect(upsert('identifier=u2', { id: 'other' })).rejects.toMatchObject({ category: 'invalid' });
    await expect(upsert('', {})).rejects.toMatchObject({ category: 'precondition-failed' });
    expect((await upsert('identifier=u2', { id: one.id, identifier: [{ value: 'u2' }] })).changed).toBe(true);
  });

  test('makes one resource when several do it at the same time', async () => {
    const results = await Promise.all(
      Array.from({ length: 6 }, () => upsert('identifier=upsert-race', { identifier: [{ value: 'upsert-race' }] })),
    );
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(await idsFound('identifier=upsert-race')).toHaveLength(1);
  });
});
