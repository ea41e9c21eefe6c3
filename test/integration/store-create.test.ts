import { parseSearch } from '#fhir-search';
import { historyRequest } from '#fhir-store';
import { aPatient, aTenant, memberPolicy, parse, policyOf, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const countOf = async (table: string, where = 'true') =>
  Number((await t.rows<{ n: string }>(`SELECT count(*) AS n FROM ${table} WHERE ${where}`))[0]?.n);

describe('creating a resource', () => {
  test('stores the text as it was sent, in the normal form, and reads it back', async () => {
    const repository = await t.repository();
    const { version, created } = await repository.create(
      text(
        `{ "status": "final", "resourceType": "Observation", "code": {"text":"é\\u00e9 \\n"},
           "meta": {"versionId":"7", "profile": ["http://x"], "author": {"reference":"Practitioner/forged"}},
           "id": "mine", "valueQuantity": {"value": 1.00} }`,
      ),
    );
    expect(created).toBe(true);
    expect(version.id).not.toBe('mine');
    expect(version.body).toBe(
      `{"resourceType":"Observation","id":"${version.id}","meta":{"versionId":"${version.versionId}",` +
        `"lastUpdated":"${version.lastUpdated}","profile":["http://x"]},` +
        `"status":"final","code":{"text":"é\\u00e9 \\n"},"valueQuantity":{"value":1.00}}`,
    );
    expect(version.lastUpdated).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(version.extendedMeta).toBe(
      `"author":{"reference":"ClientApplication/test"},"project":"${t.tenant.projectId}"`,
    );
    expect(await repository.read('Observation', version.id)).toMatchObject(version);
    expect(await repository.readVersion('Observation', version.id, version.versionId)).toEqual(version);
  });

  test('gives each version a number of one sequence of the project', async () => {
    const repository = await t.repository();
    const first = (await repository.create(aPatient())).version;
    const second = (await repository.create(text({ resourceType: 'Basic', code: { text: 'x' } }))).version;
    expect(Number(second.versionId)).toBeGreaterThan(Number(first.versionId));
  });

  test('keeps the instant in the column equal to the one in the body', async () => {
    const { version } = await (await t.repository()).create(aPatient());
    const [row] = await t.rows<{ same: boolean }>(
      `SELECT last_updated = $1::timestamptz AND version = id AND version = $2::bigint AS same FROM resource WHERE fhir_id = $3`,
      version.lastUpdated,
      version.versionId,
      version.id,
    );
    expect(row?.same).toBe(true);
  });

  test('makes it findable at once', async () => {
    const repository = await t.repository();
    const { version } = await repository.create(
      aPatient({ identifier: [{ system: 'urn:mrn', value: 'find-me' }], birthDate: '1970-02-03' }),
    );
    const find = (query: string) =>
      repository.search(parseSearch(t.tenant.version, 'Patient', query, { handling: 'strict' }));
    for (const query of ['identifier=urn:mrn|find-me', `_id=${version.id}`, 'birthdate=1970-02-03', 'family=qua']) {
      expect((await find(query)).hits.map(({ id }) => id)).toContain(version.id);
    }
    expect((await find('identifier=urn:mrn|other')).hits).toEqual([]);
  });

  test('refuses an invalid resource with every issue and stores nothing', async () => {
    const repository = await t.repository();
    const before = await countOf('resource');
    await expect(repository.create(text({ resourceType: 'Patient', gender: 'x', nonsense: 1 }))).rejects.toMatchObject({
      category: 'invalid',
      issues: expect.arrayContaining([
        expect.objectContaining({ expression: ['Patient.gender'] }),
        expect.objectContaining({ expression: ['Patient.nonsense'] }),
      ]),
    });
    expect(await countOf('resource')).toBe(before);
  });

  test('refuses an id that is taken when the id was asked for', async () => {
    const repository = await t.repository();
    await repository.create(aPatient(), { id: 'chosen' });
    await expect(repository.create(aPatient(), { id: 'chosen' })).rejects.toMatchObject({ category: 'conflict' });
  });

  test('by somebody without the right is refused before anything is written, and that is audited', async () => {
    const repository = await t.repository({ policy: policyOf('read Patient'), agent: 'Practitioner/nosy' });
    await expect(repository.create(aPatient())).rejects.toMatchObject({ category: 'forbidden' });
    expect(await t.rows(`SELECT action, outcome, entity FROM audit_event WHERE agent = 'Practitioner/nosy'`)).toEqual([
      { action: 'C', outcome: 4, entity: 'Patient' },
    ]);
  });

  test('of a type that the FHIR version does not have is not found', async () => {
    await expect((await t.repository()).create(text({ resourceType: 'Nonsense' }))).rejects.toMatchObject({
      category: 'not-found',
    });
  });

  test('writes an audit row in the same statement', async () => {
    const { version } = await (
      await t.repository({ agent: 'ClientApplication/auditee', requestId: 'r-9' })
    ).create(aPatient());
    expect(
      await t.rows(
        `SELECT action, outcome, agent, entity, request_id, recorded = r.last_updated AS same
         FROM audit_event JOIN resource r ON r.fhir_id = $1 WHERE agent = 'ClientApplication/auditee'`,
        version.id,
      ),
    ).toEqual([
      {
        action: 'C',
        outcome: 0,
        agent: 'ClientApplication/auditee',
        entity: `Patient/${version.id}/_history/${version.versionId}`,
        request_id: 'r-9',
        same: true,
      },
    ]);
  });
});

describe('creating a resource conditionally', () => {
  const patient = (value: string) => aPatient({ identifier: [{ system: 'urn:mrn', value }] });

  test('makes it when nothing matches and returns the one that matches otherwise', async () => {
    const repository = await t.repository();
    const options = { ifNoneExist: 'identifier=urn:mrn|once' };
    const first = await repository.create(patient('once'), options);
    const second = await repository.create(patient('once'), options);
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.version).toEqual(first.version);
  });

  test('is refused when several match', async () => {
    const repository = await t.repository();
    await repository.create(patient('twice'));
    await repository.create(patient('twice'));
    await expect(
      repository.create(patient('twice'), { ifNoneExist: 'identifier=urn:mrn|twice' }),
    ).rejects.toMatchObject({
      category: 'multiple-matches',
    });
  });

  test('is refused without any criterion that selects', async () => {
    const repository = await t.repository();
    for (const ifNoneExist of ['', 'identifier=', '_count=1']) {
      await expect(repository.create(patient('x'), { ifNoneExist })).rejects.toMatchObject({
        category: 'precondition-failed',
      });
    }
  });

  test('needs the right to search', async () => {
    const repository = await t.repository({ policy: policyOf('create Patient') });
    await expect(repository.create(patient('x'), { ifNoneExist: 'identifier=x' })).rejects.toMatchObject({
      category: 'forbidden',
    });
  });

  test('makes one resource when many equal requests come at the same time', async () => {
    const repository = await t.repository();
    const results = await Promise.all(
      // The criteria are the same in another order, so they must exclude each other as well.
      Array.from({ length: 8 }, (_, n) =>
        repository.create(patient('race'), {
          ifNoneExist: n % 2 ? 'identifier=urn:mrn|race&active=true' : 'active=true&identifier=urn:mrn|race',
        }),
      ),
    );
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map(({ version }) => version.id)).size).toBe(1);
  });
});

describe('putting a resource at an id that does not exist', () => {
  const putPatient = async (id: string, caller = {}, options = {}) =>
    (await t.repository(caller)).update('Patient', id, aPatient({ id }), options);

  test('makes it for somebody who may create by PUT', async () => {
    const result = await putPatient('put-create');
    expect(result).toMatchObject({ created: true, changed: true, version: { id: 'put-create' } });
  });

  test('is not found for everybody else', async () => {
    await expect(putPatient('put-unknown', { policy: memberPolicy })).rejects.toMatchObject({ category: 'not-found' });
    const mayNotCreate = { ...policyOf('update Patient'), isAdministrator: true };
    await expect(putPatient('put-unknown', { policy: mayNotCreate })).rejects.toMatchObject({ category: 'not-found' });
  });

  test('with If-Match is refused', async () => {
    await expect(putPatient('put-if-match', {}, { ifMatch: 'W/"1"' })).rejects.toMatchObject({
      category: 'precondition-failed',
    });
  });

  test('makes one resource when several do it at the same time, and the last content wins', async () => {
    const repository = await t.repository();
    const results = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((family) =>
        repository.update('Patient', 'put-race', aPatient({ id: 'put-race', name: [{ family }] })),
      ),
    );
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(await countOf('resource', `fhir_id = 'put-race'`)).toBe(1);
    const { total, versions } = await repository.history(
      historyRequest({ type: 'Patient', id: 'put-race' }, '_count=20&_offset=0'),
    );
    expect(total).toBe(6);
    expect(versions).toHaveLength(6);
    const stored = parse((await repository.read('Patient', 'put-race')).body);
    expect(await countOf('resource_string s JOIN resource r ON r.id = s.resource_id', `fhir_id = 'put-race'`)).toBe(
      await countOf(
        'resource_string s JOIN resource r ON r.id = s.resource_id',
        `fhir_id = 'put-race' AND s.original = '${(stored['name'] as { family: string }[])[0]?.family}'`,
      ),
    );
  });
});
