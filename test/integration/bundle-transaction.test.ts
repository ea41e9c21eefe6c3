import { parseSearch } from '#fhir-search';
import { historyRequest, StaleRights, type ResourceRepository } from '#fhir-store';
import { aPatient, aTenant, baseUrl, memberPolicy, parse, policyOf, type TestTenant } from './store.fixture.js';

interface Entry {
  response: { status: string; location?: string; etag?: string; lastModified?: string; outcome: { id?: string } };
  resource?: Record<string, unknown> & { id: string; resourceType: string; meta: { versionId: string } };
}

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const bundle = (entry: unknown[]) => JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
async function transact(entry: unknown[], by: ResourceRepository = repository): Promise<Entry[]> {
  const answer = parse(await by.processBundle(bundle(entry), baseUrl)) as unknown as {
    resourceType: string;
    type: string;
    entry?: Entry[];
  };
  expect(answer).toMatchObject({ resourceType: 'Bundle', type: 'transaction-response' });
  return answer.entry ?? [];
}
const post = (resource: object, more: { fullUrl?: string; ifNoneExist?: string } = {}) => ({
  ...(more.fullUrl ? { fullUrl: more.fullUrl } : {}),
  request: {
    method: 'POST',
    url: (resource as { resourceType: string }).resourceType,
    ...(more.ifNoneExist ? { ifNoneExist: more.ifNoneExist } : {}),
  },
  resource,
});
const patient = (value: string, more: object = {}) => ({
  resourceType: 'Patient',
  identifier: [{ system: 'urn:mrn', value }],
  ...more,
});
const observation = (subject: string, more: object = {}) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  subject: { reference: subject },
  ...more,
});
const find = async (type: string, query: string) =>
  (await repository.search(parseSearch(t.tenant.version, type, query, { handling: 'strict' }))).hits;
const resourceCount = async () => (await t.rows<{ n: string }>('SELECT count(*) AS n FROM resource'))[0]?.n;

describe('a transaction', () => {
  test('makes its resources, follows urn:uuid links, and answers in the order of the entries', async () => {
    const answers = await transact([
      post(observation('urn:uuid:p1', { hasMember: [{ reference: 'urn:uuid:o2' }] }), { fullUrl: 'urn:uuid:o1' }),
      post(patient('links'), { fullUrl: 'urn:uuid:p1' }),
      post(observation('urn:uuid:p1', { derivedFrom: [{ reference: 'urn:uuid:o1' }] }), { fullUrl: 'urn:uuid:o2' }),
    ]);
    const [first, second, third] = answers.map(({ resource }) => resource);
    expect(answers.map(({ response }) => response.status)).toEqual(['201', '201', '201']);
    expect(first).toMatchObject({
      subject: { reference: `Patient/${second?.id}` },
      hasMember: [{ reference: `Observation/${third?.id}` }],
    });
    expect(third).toMatchObject({ derivedFrom: [{ reference: `Observation/${first?.id}` }] });
    expect(answers[0]?.response).toMatchObject({
      location: `${baseUrl}Observation/${first?.id}/_history/${first?.meta.versionId}`,
      etag: `W/"${first?.meta.versionId}"`,
      lastModified: (first?.meta as { lastUpdated?: string }).lastUpdated,
      outcome: { id: 'created' },
    });
    expect((await find('Observation', `subject=Patient/${second?.id}`)).map(({ id }) => id)).toEqual([
      first?.id,
      third?.id,
    ]);
  });

  test('keeps number text and everything else of its resources', async () => {
    const raw = `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:a","request":{"method":"POST","url":"Observation"},
      "resource": {"resourceType":"Observation","status":"final","code":{"text":"\\u00e9"},"valueQuantity":{"value": 1.00 },"subject":{"reference":"urn:uuid:a"}}}]}`;
    const answer = await repository.processBundle(raw, baseUrl);
    const id = (parse(answer) as unknown as { entry: Entry[] }).entry[0]?.resource?.id ?? '';
    const tail = `"status":"final","code":{"text":"\\u00e9"},"valueQuantity":{"value":1.00},"subject":{"reference":"Observation/${id}"}}`;
    expect((await repository.read('Observation', id)).body.endsWith(tail)).toBe(true);
    expect(answer).toContain(tail);
  });

  test('rewrites links with fragments, uri values and narratives, but no identifier', async () => {
    const [, doc] = await transact([
      post(patient('narrative'), { fullUrl: 'urn:uuid:p' }),
      post({
        resourceType: 'DocumentReference',
        status: 'current',
        identifier: [{ system: 'urn:ietf:rfc:3986', value: 'urn:uuid:p' }],
        subject: { reference: 'urn:uuid:p#part' },
        content: [{ attachment: { url: 'urn:uuid:p' } }],
        text: {
          status: 'generated',
          div: '<div xmlns="http://www.w3.org/1999/xhtml"><a href="urn:uuid:p">urn:uuid:p</a></div>',
        },
      }),
    ]);
    const [{ id }] = (await find('Patient', 'identifier=narrative')) as unknown as [{ id: string }];
    expect(doc?.resource).toMatchObject({
      identifier: [{ value: 'urn:uuid:p' }],
      subject: { reference: `Patient/${id}#part` },
      content: [{ attachment: { url: `Patient/${id}` } }],
      text: { div: `<div xmlns="http://www.w3.org/1999/xhtml"><a href="Patient/${id}">urn:uuid:p</a></div>` },
    });
  });

  test('follows relative links between RESTful fullUrls', async () => {
    const base = 'http://other.example.org/fhir/';
    const [made, linked] = await transact([
      post(patient('restful'), { fullUrl: `${base}Patient/77` }),
      post(observation('Patient/77'), { fullUrl: `${base}Observation/1` }),
    ]);
    expect(linked?.resource).toMatchObject({ subject: { reference: `Patient/${made?.resource?.id}` } });
  });

  test('makes the version first that another entry names', async () => {
    const base = 'http://other.example.org/fhir/';
    const chain = (n: number) => ({ reference: `${base}Observation/${n + 1}/_history/1` });
    const { version: kept } = await repository.create(aPatient());
    const answers = await transact([
      ...[1, 2].map((n) =>
        post(observation('urn:uuid:p', { derivedFrom: [chain(n)] }), { fullUrl: `${base}Observation/${n}` }),
      ),
      post(observation('urn:uuid:p/_history/9'), { fullUrl: `${base}Observation/3` }),
      post(patient('versioned'), { fullUrl: 'urn:uuid:p', ifNoneExist: 'identifier=urn:mrn|versioned' }),
      // The id stays, so what it says of a version was true before.
      {
        fullUrl: `${base}Patient/${kept.id}`,
        request: { method: 'PUT', url: `Patient/${kept.id}` },
        resource: {
          resourceType: 'Patient',
          id: kept.id,
          gender: 'male',
          link: [{ type: 'seealso', other: { reference: `Patient/${kept.id}/_history/${kept.versionId}` } }],
        },
      },
    ]);
    const [one, two, three, subject] = answers.map(({ resource }) => resource);
    const named = (resource = three) =>
      `${resource?.resourceType}/${resource?.id}/_history/${resource?.meta.versionId}`;
    expect(one).toMatchObject({
      derivedFrom: [{ reference: named(two) }],
      subject: { reference: `Patient/${subject?.id}` },
    });
    expect(two).toMatchObject({ derivedFrom: [{ reference: named(three) }] });
    expect(three).toMatchObject({ subject: { reference: named(subject) } });
    expect(answers[4]?.resource).toMatchObject({
      link: [{ other: { reference: `Patient/${kept.id}/_history/${kept.versionId}` } }],
    });
  });

  test('names no version where entries would wait for each other, and none of an entry by itself', async () => {
    const to = (n: number) => ({ derivedFrom: [{ reference: `urn:uuid:v${n}/_history/1` }] });
    const [one, two, three, four] = await transact([
      post(observation('Patient/x', to(2)), { fullUrl: 'urn:uuid:v1' }),
      post(observation('Patient/x', to(1)), { fullUrl: 'urn:uuid:v2' }),
      post(observation('Patient/x', to(3)), { fullUrl: 'urn:uuid:v3' }),
      post(observation('Patient/x', to(1)), { fullUrl: 'urn:uuid:v4' }),
    ]);
    const reference = (entry: Entry | undefined) => `Observation/${entry?.resource?.id}`;
    expect(one?.resource).toMatchObject({ derivedFrom: [{ reference: reference(two) }] });
    expect(two?.resource).toMatchObject({ derivedFrom: [{ reference: reference(one) }] });
    expect(three?.resource).toMatchObject({ derivedFrom: [{ reference: reference(three) }] });
    expect(four?.resource).toMatchObject({ derivedFrom: [{ reference: reference(one) }] });
  });

  test('carries out deletes, creates, updates and readings in this order', async () => {
    const { version: old } = await repository.create(aPatient({ identifier: [{ value: 'ordered' }] }));
    const { version: kept } = await repository.create(aPatient());
    const answers = await transact([
      { request: { method: 'GET', url: 'Patient?identifier=ordered' } },
      { request: { method: 'GET', url: `/Patient/${kept.id}` } },
      {
        request: { method: 'PUT', url: `Patient/${kept.id}` },
        resource: { resourceType: 'Patient', id: kept.id, gender: 'male' },
      },
      post({ resourceType: 'Patient', identifier: [{ value: 'ordered' }] }),
      { request: { method: 'DELETE', url: `${baseUrl}Patient/${old.id}` } },
      { request: { method: 'GET', url: `Patient/${kept.id}/_history` } },
      { request: { method: 'GET', url: `Patient/${kept.id}/_history/${kept.versionId}` } },
    ]);
    expect(answers.map(({ response }) => response.status)).toEqual(['200', '200', '200', '201', '200', '200', '200']);
    expect(answers[0]?.resource).toMatchObject({
      type: 'searchset',
      entry: [{ fullUrl: `${baseUrl}Patient/${answers[3]?.resource?.id}`, search: { mode: 'match' } }],
    });
    expect(answers[1]?.resource).toMatchObject({ gender: 'male' });
    expect(answers[5]?.resource).toMatchObject({ type: 'history', total: 2 });
    expect(answers[6]?.resource?.meta.versionId).toBe(kept.versionId);
    await expect(repository.read('Patient', old.id)).rejects.toMatchObject({ category: 'gone' });
  });

  test('tells what its entries have read, unless it fails', async () => {
    const entities: string[] = [];
    const onRead = (entity: string) => entities.push(entity);
    const read = { request: { method: 'GET', url: 'Patient?name=x' } };
    await repository.processBundle(bundle([read]), baseUrl, { onRead });
    const failing = [read, { request: { method: 'GET', url: 'Patient/unknown' } }];
    await expect(repository.processBundle(bundle(failing), baseUrl, { onRead })).rejects.toMatchObject({
      category: 'not-found',
    });
    expect(entities).toEqual(['Patient?name=x']);
  });

  test('is empty: so is the answer', async () => {
    expect(await transact([])).toEqual([]);
  });

  test('that fails at one entry writes nothing and names that entry', async () => {
    const before = await resourceCount();
    const failure = transact([post(patient('lost')), post({ resourceType: 'Patient', name: [{ given: 1 }] })]);
    await expect(failure).rejects.toMatchObject({
      category: 'invalid',
      issues: [
        expect.objectContaining({
          text: expect.stringContaining('Bundle.entry[1]') as unknown,
          expression: ['Bundle.entry[1].resource.name[0].given'],
        }),
      ],
    });
    expect(await resourceCount()).toBe(before);
  });

  test('that fails inside the database writes nothing', async () => {
    const { version } = await repository.create(aPatient());
    const before = await resourceCount();
    const update = { resourceType: 'Patient', id: version.id, gender: 'male' };
    await expect(
      transact([
        post(patient('lost too')),
        { request: { method: 'PUT', url: `Patient/${version.id}`, ifMatch: 'W/"1"' }, resource: update },
      ]),
    ).rejects.toMatchObject({
      category: 'precondition-failed',
      message: expect.stringContaining('Bundle.entry[1]') as unknown,
    });
    await expect(
      transact([post(patient('lost too')), { request: { method: 'GET', url: 'Patient/unknown' } }]),
    ).rejects.toMatchObject({ category: 'not-found' });
    expect(await resourceCount()).toBe(before);
    expect(await find('Patient', 'identifier=lost%20too')).toEqual([]);
  });

  test.each([
    [
      'two updates of one resource',
      (id: string) => [
        ['PUT', id],
        ['PUT', id],
      ],
    ],
    [
      'an update and a delete of one resource',
      (id: string) => [
        ['PUT', id],
        ['DELETE', id],
      ],
    ],
  ])('with %s is refused', async (_, methods) => {
    const { version } = await repository.create(aPatient());
    const entries = methods(version.id).map(([method, id]) => ({
      request: { method, url: `Patient/${id}` },
      ...(method === 'PUT' ? { resource: { resourceType: 'Patient', id } } : {}),
    }));
    await expect(transact(entries)).rejects.toMatchObject({ category: 'invalid' });
  });

  test('with one fullUrl twice is refused', async () => {
    const twice = { fullUrl: 'urn:uuid:same' };
    await expect(transact([post(patient('a'), twice), post(patient('b'), twice)])).rejects.toMatchObject({
      category: 'invalid',
    });
  });

  test('with an entry that is not granted is refused as a whole, and that is audited', async () => {
    const before = await resourceCount();
    const writer = await t.repository({ policy: policyOf('create Patient'), agent: 'Practitioner/writer' });
    await expect(transact([post(patient('denied')), post(observation('Patient/1'))], writer)).rejects.toMatchObject({
      category: 'forbidden',
      message: expect.stringContaining('Bundle.entry[1]') as unknown,
    });
    expect(await resourceCount()).toBe(before);
    expect(await t.rows(`SELECT action, outcome, entity FROM audit_event WHERE agent = 'Practitioner/writer'`)).toEqual(
      [{ action: 'C', outcome: 4, entity: 'Observation' }],
    );
  });

  test.each([
    [
      'a method that there is not',
      { request: { method: 'FROB', url: 'Patient/1' }, resource: patient('x') },
      'not-supported',
    ],
    [
      'an operation',
      { request: { method: 'POST', url: 'Patient/$validate' }, resource: patient('x') },
      'not-supported',
    ],
    ['a foreign url', { request: { method: 'GET', url: 'https://elsewhere.example.org/fhir/Patient/1' } }, 'invalid'],
    ['a type that there is not', { request: { method: 'GET', url: 'Nonsense/1' } }, 'not-found'],
    ['no request', { resource: patient('x') }, 'invalid'],
    ['no resource', { request: { method: 'POST', url: 'Patient' } }, 'invalid'],
    ['another type than its url', { request: { method: 'POST', url: 'Basic' }, resource: patient('x') }, 'invalid'],
    ['no object', 7, 'invalid'],
  ])('with an entry that has %s is refused', async (_, entry, category) => {
    await expect(transact([entry])).rejects.toMatchObject({ category });
  });

  test('with rights that have changed since is refused before anything is done', async () => {
    const stale = await t.repository({ epoch: '0' });
    const before = await resourceCount();
    await expect(transact([post(patient('stale'))], stale)).rejects.toBeInstanceOf(StaleRights);
    expect(await resourceCount()).toBe(before);
  });

  test('writes one audit row for each write', async () => {
    const auditor = await t.repository({ agent: 'ClientApplication/bundler' });
    await transact([post(patient('au1')), post(patient('au2'))], auditor);
    const rows = await t.rows(`SELECT action FROM audit_event WHERE agent = 'ClientApplication/bundler'`);
    expect(rows).toEqual([{ action: 'C' }, { action: 'C' }]);
  });
});

describe('conditions in a transaction', () => {
  test('a conditional create finds what is there; links to it lead there', async () => {
    const { version } = await repository.create(aPatient({ identifier: [{ system: 'urn:mrn', value: 'there' }] }));
    const [found, linked] = await transact([
      post(patient('there'), { fullUrl: 'urn:uuid:p', ifNoneExist: 'identifier=urn:mrn|there' }),
      post(observation('urn:uuid:p')),
    ]);
    expect(found).toMatchObject({ response: { status: '200' }, resource: { id: version.id } });
    expect(linked?.resource).toMatchObject({ subject: { reference: `Patient/${version.id}` } });
  });

  test('two conditional creates with the same criteria make one resource', async () => {
    const ifNoneExist = 'identifier=urn:mrn|pair';
    const [one, two, linked] = await transact([
      post(patient('pair'), { ifNoneExist }),
      post(patient('pair'), { fullUrl: 'urn:uuid:second', ifNoneExist }),
      post(observation('urn:uuid:second')),
    ]);
    expect([one?.response.status, two?.response.status]).toEqual(['201', '200']);
    expect(two?.resource).toEqual(one?.resource);
    expect(linked?.resource).toMatchObject({ subject: { reference: `Patient/${one?.resource?.id}` } });
  });

  test('equal conditional creates in concurrent transactions make one resource', async () => {
    const ifNoneExist = 'identifier=urn:mrn|concurrent';
    await Promise.all(
      Array.from({ length: 5 }, () =>
        transact([
          post(patient('concurrent'), { fullUrl: 'urn:uuid:p', ifNoneExist }),
          post(observation('urn:uuid:p', { code: { text: 'concurrent' } })),
        ]),
      ),
    );
    const [only, ...others] = await find('Patient', 'identifier=concurrent');
    expect(others).toEqual([]);
    expect(await find('Observation', `subject=Patient/${only?.id}`)).toHaveLength(5);
  });

  test('conditional references find what is there and what the same transaction makes before', async () => {
    const { version } = await repository.create(aPatient({ identifier: [{ value: 'ref-there' }] }));
    const answers = await transact([
      post(observation('Patient?identifier=ref-there')),
      post(patient('ref-new')),
      post(observation('Patient?identifier=urn:mrn%7Cref-new')),
      post(observation('Patient?identifier=urn:mrn|ref-new')),
    ]);
    const made = answers[1]?.resource?.id;
    expect(
      answers.map(({ resource }) => (resource?.['subject'] as { reference: string } | undefined)?.reference),
    ).toEqual([`Patient/${version.id}`, undefined, `Patient/${made}`, `Patient/${made}`]);
  });

  test('a conditional reference to nothing or to several refuses the transaction', async () => {
    await repository.create(aPatient({ identifier: [{ value: 'several' }] }));
    await repository.create(aPatient({ identifier: [{ value: 'several' }] }));
    const before = await resourceCount();
    await expect(transact([post(patient('x')), post(observation('Patient?identifier=nothing'))])).rejects.toMatchObject(
      {
        category: 'invalid',
        message: expect.stringContaining('Bundle.entry[1]') as unknown,
      },
    );
    await expect(transact([post(observation('Patient?identifier=several'))])).rejects.toMatchObject({
      category: 'multiple-matches',
    });
    expect(await resourceCount()).toBe(before);
  });

  test('a conditional update makes, changes, and finds what the same transaction makes', async () => {
    const put = (value: string, more: object = {}, fullUrl?: string) => ({
      ...(fullUrl ? { fullUrl } : {}),
      request: { method: 'PUT', url: `Patient?identifier=urn:mrn|${value}` },
      resource: patient(value, more),
    });
    const [made] = await transact([put('cu')]);
    const [changed, linked] = await transact([
      put('cu', { gender: 'male' }, 'urn:uuid:cu'),
      post(observation('urn:uuid:cu')),
    ]);
    expect([made?.response.status, changed?.response.status]).toEqual(['201', '200']);
    expect(changed?.resource?.id).toBe(made?.resource?.id);
    expect(linked?.resource).toMatchObject({ subject: { reference: `Patient/${made?.resource?.id}` } });

    const [update, create] = await transact([put('cu-same', { gender: 'female' }), post(patient('cu-same'))]);
    expect(update?.resource).toMatchObject({ id: create?.resource?.id, gender: 'female' });
    expect(
      (
        await repository.history(
          historyRequest({ type: 'Patient', id: create?.resource?.id ?? '' }, '_count=9&_offset=0'),
        )
      ).total,
    ).toBe(2);
  });

  test('a link to a conditional update that makes the resource leads to it', async () => {
    const [made, linked] = await transact([
      {
        fullUrl: 'urn:uuid:new',
        request: { method: 'PUT', url: 'Patient?identifier=urn:mrn|cu-linked' },
        resource: patient('cu-linked'),
      },
      post(observation('urn:uuid:new')),
    ]);
    expect(made?.response.status).toBe('201');
    expect(linked?.resource).toMatchObject({ subject: { reference: `Patient/${made?.resource?.id}` } });
  });

  test('a PUT to an unknown id makes the resource for administrators only', async () => {
    const put = {
      request: { method: 'PUT', url: 'Patient/put-in-bundle' },
      resource: { resourceType: 'Patient', id: 'put-in-bundle' },
    };
    const member = await t.repository({ policy: memberPolicy });
    await expect(transact([put], member)).rejects.toMatchObject({ category: 'not-found' });
    expect((await transact([put]))[0]?.response.status).toBe('201');
    expect((await transact([put]))[0]?.response.status).toBe('200');
  });

  test('concurrent transactions that update the same resources in other orders all succeed', async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await repository.create(aPatient())).version.id));
    const put = (id: string, n: number) => ({
      request: { method: 'PUT', url: `Patient/${id}` },
      resource: { resourceType: 'Patient', id, multipleBirthInteger: n },
    });
    await Promise.all(
      Array.from({ length: 6 }, (_, n) => transact((n % 2 ? ids : [...ids].reverse()).map((id) => put(id, n)))),
    );
    const last = await Promise.all(
      ids.map(async (id) => parse((await repository.read('Patient', id)).body)['multipleBirthInteger']),
    );
    expect(new Set(last).size).toBe(1);
  });
});
