/** What entries of batches and transactions can ask for beyond create, update and delete by id. */
import { badRequest } from '#fhir';
import { historyRequest, ResourceRepository, tenantDatabase, type BundleOptions } from '#fhir-store';
import { systemPolicy } from '#access-policy';
import type { Connection, Sql } from '#postgres';
import { aPatient, aTenant, baseUrl, parse, policyOf, type TestTenant } from './store.fixture.js';

interface Entry {
  response: { status: string; location?: string; etag?: string; outcome?: { id?: string; issue: object[] } };
  resource?: Record<string, unknown> & { id: string; resourceType: string };
}

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const send = async (type: string, entry: unknown[], options: BundleOptions = {}, by = repository): Promise<Entry[]> => {
  const text = JSON.stringify({ resourceType: 'Bundle', type, entry });
  return (parse(await by.processBundle(text, baseUrl, options)) as unknown as { entry?: Entry[] }).entry ?? [];
};
const statuses = (entries: Entry[]) => entries.map(({ response }) => response.status);
const created = async (value: string) =>
  (await repository.create(aPatient({ identifier: [{ system: 'urn:mrn', value }] }))).version;
const patient = (value: string, more: object = {}) => ({
  resourceType: 'Patient',
  identifier: [{ system: 'urn:mrn', value }],
  ...more,
});
const post = (resource: object, more: object = {}) => ({
  request: { method: 'POST', url: (resource as { resourceType: string }).resourceType },
  resource,
  ...more,
});
const jsonPatchBinary = (...steps: object[]) => ({
  resourceType: 'Binary',
  contentType: 'application/json-patch+json',
  data: Buffer.from(JSON.stringify(steps)).toString('base64'),
});
const addGender = (valueCode: string) => ({
  resourceType: 'Parameters',
  parameter: [
    {
      name: 'operation',
      part: [
        { name: 'type', valueCode: 'add' },
        { name: 'path', valueString: 'Patient' },
        { name: 'name', valueString: 'gender' },
        { name: 'value', valueCode },
      ],
    },
  ],
});
const resourceCount = async () => (await t.rows<{ n: string }>('SELECT count(*) AS n FROM resource'))[0]?.n;

describe.each(['batch', 'transaction'])('in a %s', (type) => {
  test('patches are carried out, by id and by condition, in both forms', async () => {
    const [one, two] = [await created(`patch-1-${type}`), await created(`patch-2-${type}`)];
    const answers = await send(type, [
      { request: { method: 'PATCH', url: `Patient/${one.id}` }, resource: addGender('male') },
      {
        request: { method: 'PATCH', url: `Patient?identifier=urn:mrn|patch-2-${type}` },
        resource: jsonPatchBinary({ op: 'add', path: '/gender', value: 'female' }),
      },
    ]);
    expect(statuses(answers)).toEqual(['200', '200']);
    expect(answers.map(({ resource }) => [resource?.id, resource?.['gender']])).toEqual([
      [one.id, 'male'],
      [two.id, 'female'],
    ]);
  });

  test('conditional deletes are carried out', async () => {
    const made = [await created(`delete-${type}`), await created(`delete-${type}`)];
    const answers = await send(type, [
      { request: { method: 'DELETE', url: `Patient?identifier=urn:mrn|delete-${type}` } },
      { request: { method: 'GET', url: `Patient?identifier=urn:mrn|delete-${type}` } },
    ]);
    expect(statuses(answers)).toEqual(['200', '200']);
    expect(answers[1]?.resource).not.toHaveProperty('entry');
    for (const { id } of made) {
      await expect(repository.read('Patient', id)).rejects.toMatchObject({ category: 'gone' });
    }
  });

  test('histories of all levels and searches of a compartment can be read', async () => {
    const { id } = await created(`history-${type}`);
    const answers = await send(type, [
      { request: { method: 'GET', url: `Patient/${id}/_history` } },
      { request: { method: 'GET', url: 'Patient/_history?_count=1' } },
      { request: { method: 'GET', url: '_history?_count=1' } },
      { request: { method: 'GET', url: `Patient/${id}/Observation` } },
    ]);
    expect(statuses(answers)).toEqual(['200', '200', '200', '200']);
    expect(answers.map(({ resource }) => resource?.['type'])).toEqual(['history', 'history', 'history', 'searchset']);
    expect(answers[0]?.resource).toMatchObject({ total: 1 });
  });

  test('a history since some moment has what the same Bundle has written before', async () => {
    const { id, lastUpdated } = await created(`since-${type}`);
    const put = { request: { method: 'PUT', url: `Patient/${id}` }, resource: { resourceType: 'Patient', id } };
    const read = { request: { method: 'GET', url: `Patient/${id}/_history?_since=${lastUpdated}` } };
    const [, history] = await send(type, [put, read]);
    expect(history?.resource).toMatchObject({ total: 2 });
  });

  test('a reading of what has not changed is answered 304, and HEAD without the resource', async () => {
    const { id, versionId, lastUpdated } = await created(`read-${type}`);
    const url = `Patient/${id}`;
    const answers = await send(type, [
      { request: { method: 'GET', url, ifNoneMatch: `W/"${versionId}"` } },
      { request: { method: 'GET', url, ifNoneMatch: `W/"1", "${versionId}"` } },
      { request: { method: 'GET', url, ifModifiedSince: lastUpdated } },
      { request: { method: 'GET', url, ifModifiedSince: '2001-01-01T00:00:00Z' } },
      { request: { method: 'HEAD', url } },
      { request: { method: 'HEAD', url: `Patient?_id=${id}` } },
    ]);
    expect(statuses(answers)).toEqual(['304', '304', '304', '200', '200', '200']);
    expect(answers.map(({ resource }) => resource !== undefined)).toEqual([false, false, false, true, false, false]);
    expect(answers[4]?.response.etag).toBe(`W/"${versionId}"`);
  });

  test.each([
    ['representation', true, true],
    ['OperationOutcome', false, true],
    ['minimal', false, false],
  ] as const)('Prefer: return=%s decides what writes answer', async (returns, hasResource, hasOutcome) => {
    const { id } = await created(`prefer-${type}-${returns}`);
    const answers = await send(
      type,
      [
        post(patient('prefer')),
        { request: { method: 'PUT', url: `Patient/${id}` }, resource: { resourceType: 'Patient', id } },
        { request: { method: 'GET', url: `Patient/${id}` } },
      ],
      { returns },
    );
    expect(answers.map(({ resource }) => resource !== undefined)).toEqual([hasResource, hasResource, true]);
    expect(answers.map(({ response }) => response.outcome !== undefined)).toEqual([hasOutcome, hasOutcome, true]);
    expect(answers[0]?.response.location).toMatch(`${baseUrl}Patient/`);
  });

  test('what is asked for wrongly is refused', async () => {
    const { id } = await created(`wrong-${type}`);
    const entries = [
      { request: { method: 'PATCH', url: `Patient/${id}` }, resource: patient('x') },
      {
        request: { method: 'PATCH', url: `Patient/${id}` },
        resource: { resourceType: 'Binary', contentType: 'text/plain' },
      },
      { request: { method: 'PATCH', url: `Patient/${id}` } },
      { request: { method: 'PATCH', url: 'Patient?identifier=' }, resource: addGender('male') },
      { request: { method: 'PATCH', url: 'Patient?identifier=urn:mrn|nobody' }, resource: addGender('male') },
      { request: { method: 'PATCH', url: `Patient/${id}` }, resource: addGender('nonsense') },
      { request: { method: 'DELETE', url: 'Patient?_count=1' } },
      { request: { method: 'GET', url: `Patient/${id}/_history?_since=yesterday` } },
    ];
    const expected = ['400', '400', '400', '412', '404', '422', '412', '400'];
    if (type === 'batch') {
      expect(statuses(await send(type, entries))).toEqual(expected);
      return;
    }
    const before = await resourceCount();
    for (const entry of entries) {
      await expect(send(type, [post(patient('unwanted')), entry])).rejects.toMatchObject({
        message: expect.stringContaining('Bundle.entry[1]') as unknown,
      });
    }
    expect(await resourceCount()).toBe(before);
  });
});

describe('an operation', () => {
  const call = { request: { method: 'GET', url: 'Patient/1/$everything?_count=2' } };

  test('is carried out by whoever knows how, in a batch', async () => {
    const calls: object[] = [];
    const onOperation: BundleOptions['onOperation'] = async (operation) => {
      calls.push(operation);
      if (operation.name === '$fail') throw badRequest('It fails');
      if (operation.name === '$busy') return { status: 429, body: '{"resourceType":"OperationOutcome"}' };
      return { status: 200, body: '{"resourceType":"Basic"}' };
    };
    const answers = await send(
      'batch',
      [
        call,
        { request: { method: 'POST', url: '$convert' }, resource: patient('x') },
        { request: { method: 'POST', url: '$fail' } },
        { request: { method: 'POST', url: '$busy' } },
      ],
      { onOperation },
    );
    expect(statuses(answers)).toEqual(['200', '200', '400', '429']);
    expect(answers[0]?.resource).toEqual({ resourceType: 'Basic' });
    expect(answers[3]).toMatchObject({ response: { outcome: { resourceType: 'OperationOutcome' } } });
    expect(calls).toMatchObject([
      { name: '$everything', type: 'Patient', id: '1', query: '_count=2', resource: undefined },
      { name: '$convert', method: 'POST', resource: JSON.stringify(patient('x')) },
      { name: '$fail' },
      { name: '$busy' },
    ]);
  });

  test('is refused where nobody does, and in a transaction', async () => {
    expect(statuses(await send('batch', [call]))).toEqual(['400']);
    await expect(
      send('transaction', [call], { onOperation: async () => ({ status: 200, body: '{}' }) }),
    ).rejects.toMatchObject({
      category: 'not-supported',
    });
  });
});

/** https://hl7.org/fhir/R4/http.html#trules */
describe('a transaction', () => {
  test('resolves conditional references last: they find what any of its entries makes', async () => {
    const observation = (reference: string) => ({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'x' },
      subject: { reference },
    });
    const answers = await send('transaction', [
      post(observation('Patient?identifier=urn:mrn|made-later')),
      post(observation('Patient?identifier=urn:mrn|put-later')),
      post({
        resourceType: 'Encounter',
        status: 'planned',
        class: { code: 'AMB' },
        identifier: [{ value: 'chained' }],
        subject: { reference: 'Patient?identifier=urn:mrn|made-later' },
      }),
      post({ ...observation('Patient/1'), encounter: { reference: 'Encounter?identifier=chained' } }),
      post(patient('made-later')),
      { request: { method: 'PUT', url: 'Patient/put-later' }, resource: patient('put-later', { id: 'put-later' }) },
    ]);
    const subjects = answers.map(
      ({ resource }) => (resource?.['subject'] as { reference?: string } | undefined)?.reference,
    );
    const made = `Patient/${answers[4]?.resource?.id}`;
    expect(subjects.slice(0, 3)).toEqual([made, 'Patient/put-later', made]);
    expect(answers[3]?.resource).toMatchObject({ encounter: { reference: `Encounter/${answers[2]?.resource?.id}` } });
  });

  test('whose conditional references only find each other is refused', async () => {
    const before = await resourceCount();
    const encounter = (value: string, partOf: string) =>
      post({
        resourceType: 'Encounter',
        status: 'planned',
        class: { code: 'AMB' },
        identifier: [{ value }],
        partOf: { reference: `Encounter?identifier=${partOf}` },
      });
    await expect(
      send('transaction', [encounter('ring-1', 'ring-2'), encounter('ring-2', 'ring-1')]),
    ).rejects.toMatchObject({
      category: 'invalid',
      message: expect.stringContaining('Bundle.entry[0]') as unknown,
    });
    expect(await resourceCount()).toBe(before);
  });

  test('in which one conditional update makes what another one finds is refused', async () => {
    const before = await resourceCount();
    const put = (query: string) => ({
      request: { method: 'PUT', url: `Patient?${query}` },
      resource: patient('overlap', { gender: 'male', name: [{ family: 'Overlapping' }] }),
    });
    for (const second of ['identifier=urn:mrn|overlap', 'family=overlapping']) {
      await expect(send('transaction', [put('identifier=urn:mrn|overlap'), put(second)])).rejects.toMatchObject({
        category: 'multiple-matches',
      });
    }
    expect(await resourceCount()).toBe(before);
  });

  test('follows links in what a patch adds', async () => {
    const { id } = await created('patch-links');
    const add = (path: string, value: unknown) => ({ op: 'add', path, value });
    const [, patched] = await send('transaction', [
      post({ resourceType: 'Organization', name: 'o' }, { fullUrl: 'urn:uuid:org' }),
      {
        request: { method: 'PATCH', url: `Patient/${id}` },
        resource: jsonPatchBinary(
          add('/managingOrganization', { reference: 'urn:uuid:org' }),
          add('/link', [{ type: 'seealso', other: { reference: 'Patient?identifier=urn:mrn|patch-links' } }]),
        ),
      },
    ]);
    expect(patched?.resource).toMatchObject({
      managingOrganization: { reference: expect.stringMatching(/^Organization\//) as unknown },
      link: [{ other: { reference: `Patient/${id}` } }],
    });
  });

  test('does not touch one resource twice', async () => {
    const { id } = await created('twice');
    const put = { request: { method: 'PUT', url: `Patient/${id}` }, resource: patient('twice', { id }) };
    const patch = { request: { method: 'PATCH', url: `Patient/${id}` }, resource: addGender('male') };
    const byCondition = {
      request: { method: 'PATCH', url: 'Patient?identifier=urn:mrn|twice' },
      resource: addGender('male'),
    };
    const deletion = { request: { method: 'DELETE', url: 'Patient?identifier=urn:mrn|twice' } };
    for (const entries of [
      [put, patch],
      [put, byCondition],
      [put, deletion],
      [patch, patch],
    ]) {
      await expect(send('transaction', entries)).rejects.toMatchObject({ category: 'invalid' });
    }
    expect((await repository.history(historyRequest({ type: 'Patient', id }, ''))).total).toBe(1);
  });

  test('asks for every right before it does anything', async () => {
    const { id } = await created('rights');
    const caller = await t.repository({ policy: policyOf('create Patient', 'read *', 'search *') });
    for (const entry of [
      { request: { method: 'PATCH', url: `Patient/${id}` }, resource: addGender('male') },
      { request: { method: 'PATCH', url: 'Patient?identifier=x' }, resource: addGender('male') },
      { request: { method: 'DELETE', url: 'Patient?identifier=x' } },
      { request: { method: 'GET', url: '_history' } },
    ]) {
      await expect(send('transaction', [post(patient('x')), entry], {}, caller)).rejects.toMatchObject({
        category: 'forbidden',
      });
    }
  });
});

describe('the statements of a transaction', () => {
  /** How many statements, and how many times somebody waited for an answer, `work` takes. */
  async function statementsOf(entry: unknown[]): Promise<{ statements: number; waits: number }> {
    const counts = { statements: 0, waits: 0 };
    let open = 0;
    const counting = (connection: Connection): Connection => ({
      query: async <Row extends object>(statement: Sql) => {
        counts.statements++;
        if (open++ === 0) counts.waits++;
        try {
          return await connection.query<Row>(statement);
        } finally {
          open--;
        }
      },
      transaction: (work, options) => connection.transaction((inner) => work(counting(inner)), options),
    });
    const tenant = tenantDatabase({
      ...t.tenant,
      use: (work) => t.tenant.use((connection) => work(counting(connection))),
      share: (work) => t.tenant.use((connection) => work(counting(connection))),
    });
    const counted = new ResourceRepository(tenant, {
      policy: systemPolicy('test'),
      agent: 'System',
      requestId: 'statements',
      epoch: await t.epoch(),
    });
    // What the project says of writes is read once under each epoch.
    await counted.create(aPatient());
    Object.assign(counts, { statements: 0, waits: 0 });
    await send('transaction', entry, {}, counted);
    return counts;
  }

  const twenty = (entry: (n: number) => object) => Array.from({ length: 20 }, (_, n) => entry(n));

  test('are one for twenty creates', async () => {
    expect(await statementsOf(twenty((n) => post(patient(`plain-${n}`), { fullUrl: `urn:uuid:${n}` })))).toEqual({
      statements: 1,
      waits: 1,
    });
  });

  test('travel together for twenty conditional creates, updates and deletes', async () => {
    const made = await Promise.all(twenty((n) => ({ n })).map((_, n) => created(`together-${n}`)));
    const ifNoneExist = twenty((n) => ({
      request: { method: 'POST', url: 'Patient', ifNoneExist: `identifier=urn:mrn|unknown-${n}` },
      resource: patient(`unknown-${n}`),
    }));
    // begin, locks, look-ups, one insert
    expect((await statementsOf(ifNoneExist)).waits).toBeLessThanOrEqual(4);
    const updates = made.map(({ id }) => ({
      request: { method: 'PUT', url: `Patient/${id}` },
      resource: { resourceType: 'Patient', id, gender: 'male' },
    }));
    expect((await statementsOf(updates)).waits).toBeLessThanOrEqual(3);
    const deletes = made.map(({ id }) => ({ request: { method: 'DELETE', url: `Patient/${id}` } }));
    expect((await statementsOf(deletes)).waits).toBeLessThanOrEqual(3);
    const conditionalUpdates = (family: string) =>
      twenty((n) => ({
        request: { method: 'PUT', url: `Patient?identifier=urn:mrn|cu-${n}` },
        resource: patient(`cu-${n}`, { name: [{ family }] }),
      }));
    // begin, locks, look-ups, one insert, and whether they find nothing else; then the same with row locks
    expect((await statementsOf(conditionalUpdates('first'))).waits).toBeLessThanOrEqual(5);
    expect((await statementsOf(conditionalUpdates('second'))).waits).toBeLessThanOrEqual(5);
    const references = twenty((n) =>
      post({
        resourceType: 'Observation',
        status: 'final',
        code: { text: 'x' },
        subject: { reference: `Patient?identifier=urn:mrn|unknown-${n}` },
      }),
    );
    expect((await statementsOf(references)).waits).toBeLessThanOrEqual(4);
  });
});
