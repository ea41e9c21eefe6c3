import { fhirpathPatch, jsonPatch, type JsonObject, type ResourcePatch } from '#fhir';
import { parseSearch } from '#fhir-search';
import { historyRequest, type ResourceRepository, type StoredVersion } from '#fhir-store';
import { aPatient, aTenant, memberPolicy, parse, policyOf, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const stored = async (more: object = {}): Promise<StoredVersion> => (await repository.create(aPatient(more))).version;
const operations = (...steps: object[]): ResourcePatch => jsonPatch(JSON.stringify(steps));
const setGender = operations({ op: 'add', path: '/gender', value: 'other' });
const find = async (query: string) =>
  (await repository.search(parseSearch(t.tenant.version, 'Patient', query, { handling: 'strict' }))).hits;

/** https://hl7.org/fhir/R4/http.html#patch */
describe('a patch', () => {
  test('makes a new version of the stored resource and keeps the rest as it is', async () => {
    const { version: first } = await repository.create(
      text(
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00},"referenceRange":[{"low":{"value":1e2}}]}',
      ),
    );
    const patch = operations({ op: 'replace', path: '/status', value: 'amended' });
    const { version, created, changed } = await repository.patch('Observation', first.id, patch);
    expect({ created, changed }).toEqual({ created: false, changed: true });
    expect(version.body).toBe(
      first.body
        .replace('"final"', '"amended"')
        .replace(`"versionId":"${first.versionId}"`, `"versionId":"${version.versionId}"`)
        .replace(first.lastUpdated, version.lastUpdated),
    );
    expect((await repository.read('Observation', first.id)).body).toBe(version.body);
    expect(await repository.readVersion('Observation', first.id, first.versionId)).toEqual(first);
  });

  test('in FHIRPath does the same', async () => {
    const first = await stored();
    const parameter = [
      {
        name: 'operation',
        part: [
          { name: 'type', valueCode: 'add' },
          { name: 'path', valueString: 'Patient' },
          { name: 'name', valueString: 'gender' },
          { name: 'value', valueCode: 'female' },
        ],
      },
    ];
    const patch = fhirpathPatch(t.tenant.version, JSON.stringify({ resourceType: 'Parameters', parameter }));
    const { version } = await repository.patch('Patient', first.id, patch);
    expect(parse(version.body)).toMatchObject({ gender: 'female', name: [{ family: 'Quay' }] });
  });

  test('that changes nothing makes no version', async () => {
    const first = await stored({ gender: 'other' });
    expect(await repository.patch('Patient', first.id, setGender)).toMatchObject({
      version: { versionId: first.versionId },
      changed: false,
    });
  });

  test('changes what the resource is found by', async () => {
    const first = await stored({ identifier: [{ value: 'patch-before' }] });
    const patch = operations({ op: 'replace', path: '/identifier/0/value', value: 'patch-after' });
    await repository.patch('Patient', first.id, patch);
    expect(await find('identifier=patch-before')).toEqual([]);
    expect((await find('identifier=patch-after')).map(({ id }) => id)).toEqual([first.id]);
  });

  test('can test the version it is meant for, but not set what the server sets', async () => {
    const first = await stored();
    const guarded = operations(
      { op: 'test', path: '/meta/versionId', value: first.versionId },
      { op: 'replace', path: '/meta/versionId', value: '1' },
      { op: 'add', path: '/meta/tag', value: [{ code: 'x' }] },
    );
    const { version } = await repository.patch('Patient', first.id, guarded);
    expect(parse(version.body)['meta']).toEqual({
      versionId: version.versionId,
      lastUpdated: version.lastUpdated,
      tag: [{ code: 'x' }],
    });
    await expect(repository.patch('Patient', first.id, guarded)).rejects.toMatchObject({
      category: 'precondition-failed',
    });
  });

  test.each([
    ['makes the resource invalid', { op: 'add', path: '/gender', value: 'nonsense' }, 'Patient.gender'],
    ['changes the id', { op: 'replace', path: '/id', value: 'other' }, undefined],
    ['changes the type', { op: 'replace', path: '/resourceType', value: 'Basic' }, undefined],
    ['removes the id', { op: 'remove', path: '/id' }, undefined],
    ['adds what there is not', { op: 'add', path: '/nonsense', value: 1 }, 'Patient.nonsense'],
    ['replaces the resource', { op: 'replace', path: '', value: 7 }, undefined],
    ['does not fit', { op: 'remove', path: '/photo' }, undefined],
  ])('that %s is refused, and nothing is written', async (_, operation, expression) => {
    const first = await stored();
    await expect(repository.patch('Patient', first.id, operations(operation))).rejects.toMatchObject({
      category: 'unprocessable',
      ...(expression === undefined ? {} : { issues: [{ expression: [expression] }] }),
    });
    expect((await repository.read('Patient', first.id)).versionId).toBe(first.versionId);
  });

  test('of what is not there, or gone, is refused for everybody', async () => {
    await expect(repository.patch('Patient', 'unknown', setGender)).rejects.toMatchObject({ category: 'not-found' });
    await expect(repository.patch('Patient', 'a_b', setGender)).rejects.toMatchObject({ category: 'not-found' });
    const { id } = await stored();
    await repository.delete('Patient', id);
    await expect(repository.patch('Patient', id, setGender)).rejects.toMatchObject({ category: 'gone' });
  });

  test('honours If-Match', async () => {
    const first = await stored();
    const ifMatch = `W/"${first.versionId}"`;
    expect((await repository.patch('Patient', first.id, setGender, { ifMatch })).changed).toBe(true);
    await expect(repository.patch('Patient', first.id, setGender, { ifMatch })).rejects.toMatchObject({
      category: 'precondition-failed',
    });
  });

  test('asks for the right to update, and leaves a trace of what is refused', async () => {
    const { id } = await stored();
    const reader = await t.repository({ policy: policyOf('read *', 'search *'), requestId: 'refused-patch' });
    await expect(reader.patch('Patient', id, setGender)).rejects.toMatchObject({ category: 'forbidden' });
    await expect(reader.conditionalPatch('Patient', `_id=${id}`, setGender)).rejects.toMatchObject({
      category: 'forbidden',
    });
    expect(
      await t.rows(`SELECT action, outcome, entity FROM audit_event WHERE request_id = 'refused-patch' ORDER BY id`),
    ).toEqual([
      { action: 'U', outcome: 4, entity: `Patient/${id}` },
      { action: 'U', outcome: 4, entity: `Patient?_id=${id}` },
    ]);
    const stale = await t.repository({ epoch: '0' });
    await expect(stale.patch('Patient', id, setGender)).rejects.toMatchObject({ name: 'StaleRights' });
  });

  test('of a client changes rights, keeps its secret, and never shows one', async () => {
    const { version } = await repository.create(
      text({ resourceType: 'ClientApplication', name: 'c', secret: 'first-secret' }),
    );
    const admin = await t.repository();
    const before = await t.epoch();
    await admin.patch('ClientApplication', version.id, operations({ op: 'replace', path: '/name', value: 'd' }));
    expect(await t.epoch()).not.toBe(before);
    const again = await t.repository();
    const withSecret = operations({ op: 'add', path: '/secret', value: 'second-secret' });
    const { version: last } = await again.patch('ClientApplication', version.id, withSecret);
    expect(last.body).not.toContain('secret');
    repository = await t.repository();
  });
});

/** https://hl7.org/fhir/R4/http.html#patch, conditional patch */
describe('a conditional patch', () => {
  test('patches the one resource that matches', async () => {
    const { id } = await stored({ identifier: [{ value: 'cp-one' }] });
    const { version } = await repository.conditionalPatch('Patient', 'identifier=cp-one', setGender);
    expect(version.id).toBe(id);
    expect(parse(version.body)).toMatchObject({ gender: 'other' });
  });

  test.each([
    ['identifier=cp-none', 'not-found'],
    ['identifier=cp-several', 'multiple-matches'],
    ['', 'precondition-failed'],
    ['identifier=', 'precondition-failed'],
    ['nonsense=1', 'invalid'],
  ])('by %j is refused: %s', async (query, category) => {
    if (query.includes('several')) {
      for (let count = 0; count < 2; count++) await stored({ identifier: [{ value: 'cp-several' }] });
    }
    await expect(repository.conditionalPatch('Patient', query, setGender)).rejects.toMatchObject({ category });
  });
});

/** https://hl7.org/fhir/R4/http.html#delete, conditional delete */
describe('a conditional delete', () => {
  test('deletes what matches, and nothing when nothing does', async () => {
    const made = [];
    for (let count = 0; count < 3; count++) made.push(await stored({ identifier: [{ value: 'cd-several' }] }));
    const deleted = await repository.conditionalDelete('Patient', 'identifier=cd-several');
    expect(deleted.map(({ id, deleted: isDeleted }) => [id, isDeleted])).toEqual(made.map(({ id }) => [id, true]));
    for (const { id } of made) {
      await expect(repository.read('Patient', id)).rejects.toMatchObject({ category: 'gone' });
    }
    const [first] = deleted;
    expect(
      await t.rows(
        'SELECT action FROM audit_event WHERE entity = $1',
        `Patient/${first?.id}/_history/${first?.versionId}`,
      ),
    ).toEqual([{ action: 'D' }]);
    expect(await repository.conditionalDelete('Patient', 'identifier=cd-several')).toEqual([]);
  });

  test('takes a hundred at most, and then none', async () => {
    const { version } = await repository.create(aPatient({ identifier: [{ value: 'cd-many' }] }));
    await t.rows(
      `INSERT INTO resource (id, type, fhir_id, version, last_updated, body, tok, self)
       SELECT nextval('version_seq'), r.type, 'many-' || n, currval('version_seq'), r.last_updated, r.body, r.tok, gen_random_uuid()
       FROM resource r, generate_series(1, 100) n WHERE r.fhir_id = $1`,
      version.id,
    );
    await expect(repository.conditionalDelete('Patient', 'identifier=cd-many')).rejects.toMatchObject({
      category: 'precondition-failed',
      message: expect.stringContaining('100') as unknown,
    });
    expect((await repository.read('Patient', version.id)).deleted).toBe(false);
    await repository.delete('Patient', 'many-1');
    expect(await repository.conditionalDelete('Patient', 'identifier=cd-many')).toHaveLength(100);
  });

  test.each(['', '_count=5', 'identifier='])('without a condition (%j) is refused', async (query) => {
    await expect(repository.conditionalDelete('Patient', query)).rejects.toMatchObject({
      category: 'precondition-failed',
    });
  });

  test('honours If-Match', async () => {
    const { versionId } = await stored({ identifier: [{ value: 'cd-match' }] });
    await expect(
      repository.conditionalDelete('Patient', 'identifier=cd-match', { ifMatch: 'W/"1"' }),
    ).rejects.toMatchObject({ category: 'precondition-failed' });
    const deleted = await repository.conditionalDelete('Patient', 'identifier=cd-match', {
      ifMatch: `W/"${versionId}"`,
    });
    expect(deleted).toHaveLength(1);
  });

  test('asks for both rights it needs', async () => {
    for (const policy of [policyOf('delete *'), policyOf('search *')]) {
      const caller = await t.repository({ policy });
      await expect(caller.conditionalDelete('Patient', 'identifier=x')).rejects.toMatchObject({
        category: 'forbidden',
      });
    }
  });
});

describe('a conditional update', () => {
  test('does not write over a resource that its criteria do not select', async () => {
    const { id } = await stored({ identifier: [{ value: 'cu-elsewhere' }] });
    await expect(
      repository.conditionalUpdate('Patient', 'identifier=cu-nothing', aPatient({ id, gender: 'male' })),
    ).rejects.toMatchObject({ category: 'conflict' });
  });
});

describe('a change of meta', () => {
  test('is a new version with another meta and the same content', async () => {
    const first = await stored({ meta: { tag: [{ code: 'kept' }] } });
    const addTag = (meta: JsonObject): JsonObject => ({
      ...meta,
      tag: [...(meta['tag'] as object[]), { code: 'new' }] as JsonObject[],
    });
    const { version, changed } = await repository.changeMeta('Patient', first.id, addTag);
    expect(changed).toBe(true);
    expect(parse(version.body)).toEqual({
      ...parse(first.body),
      meta: {
        versionId: version.versionId,
        lastUpdated: version.lastUpdated,
        tag: [{ code: 'kept' }, { code: 'new' }],
      },
    });
    expect((await find('_tag=new')).map(({ id }) => id)).toEqual([first.id]);
    expect((await repository.changeMeta('Patient', first.id, (meta) => meta)).changed).toBe(false);
    const { version: bare } = await repository.changeMeta('Patient', first.id, () => ({}));
    expect(parse(bare.body)['meta']).not.toHaveProperty('tag');
  });
});

describe('several resources at once', () => {
  test('are read by one statement, without what the caller may not see', async () => {
    const [one, gone] = [await stored(), await stored()];
    const { version: basic } = await repository.create(text({ resourceType: 'Basic', code: { text: 'x' } }));
    await repository.delete('Patient', gone.id);
    const wanted = [one, gone, basic, { type: 'Patient', id: 'unknown' }, { type: 'Nothing', id: '1' }];
    expect([...(await repository.readMany(wanted)).values()]).toEqual(expect.arrayContaining([one, basic]));
    expect((await repository.readMany(wanted)).size).toBe(2);
    const reader = await t.repository({ policy: policyOf('read Basic') });
    expect([...(await reader.readMany(wanted)).keys()]).toEqual([`Basic/${basic.id}`]);
    expect((await repository.readMany([])).size).toBe(0);
    const stale = await t.repository({ epoch: '0' });
    await expect(stale.readMany([])).rejects.toMatchObject({ name: 'StaleRights' });
  });
});

test('a member who is no administrator can patch, too', async () => {
  const { id } = await stored();
  const member = await t.repository({ policy: memberPolicy });
  expect((await member.patch('Patient', id, setGender)).changed).toBe(true);
  expect((await member.history(historyRequest({ type: 'Patient', id }, ''))).total).toBe(2);
});
