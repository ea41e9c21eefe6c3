import { gunzipSync } from 'node:zlib';
import { compiledSql, connectOnce } from '#postgres';
import { type Answer, type AnswerBody, aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('quay');
});

afterAll(() => plane?.close());

const post = (path: string, resource: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { method: 'POST', body: JSON.stringify(resource), headers });
const put = (path: string, resource: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { method: 'PUT', body: JSON.stringify(resource), headers });
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { headers });

async function aPatient(more: object = {}): Promise<{ id: string; versionId: string; body: AnswerBody }> {
  const answer = await post('Patient', { resourceType: 'Patient', active: true, ...more });
  expect(answer.status).toBe(201);
  const body = answer.json;
  return { id: body['id'], versionId: body['meta'].versionId, body };
}

/** Status, outcome id and issue code of an error, which must be an OperationOutcome in FHIR's media type. */
function outcomeOf(answer: Answer): { status: number; id?: string; code: string; text: string } {
  expect(answer.headers['content-type']).toBe('application/fhir+json; charset=utf-8');
  expect(answer.json.resourceType).toBe('OperationOutcome');
  const [issue] = answer.json.issue;
  return { status: answer.status, id: answer.json.id, code: issue?.code ?? '', text: issue?.details.text ?? '' };
}

describe('a resource', () => {
  test('is read back as it was answered at its creation, with its version as entity tag', async () => {
    const created = await plane.fhir(project, 'Patient', {
      method: 'POST',
      body: '{ "resourceType": "Patient",  "name": [{"family": "Quay"}], "multipleBirthInteger": 2 }',
    });
    expect(created.status).toBe(201);
    const { id, meta } = created.json as { id: string; meta: { versionId: string; lastUpdated: string } };
    expect(created.text).toBe(
      `{"resourceType":"Patient","id":"${id}","meta":{"versionId":"${meta.versionId}","lastUpdated":"${meta.lastUpdated}"},` +
        '"name":[{"family":"Quay"}],"multipleBirthInteger":2}',
    );
    expect(created.headers.location).toBe(`${plane.url}/p/quay/fhir/R4/Patient/${id}/_history/${meta.versionId}`);
    const read = await get(`Patient/${id}`);
    expect(read.text).toBe(created.text);
    expect(read.headers).toMatchObject({
      'content-type': 'application/fhir+json; charset=utf-8',
      'content-length': String(Buffer.byteLength(read.text)),
      etag: `W/"${meta.versionId}"`,
      'last-modified': new Date(meta.lastUpdated).toUTCString(),
      'cache-control': 'private, no-cache',
    });
    expect((await get(`Patient/${id}/_history/${meta.versionId}`)).text).toBe(created.text);
  });

  test('shows author and project in extended mode only', async () => {
    const { id } = await aPatient();
    const plain = (await get(`Patient/${id}`)).json;
    const extended = (await get(`Patient/${id}`, { 'x-medplum': 'extended' })).json;
    expect(Object.keys(plain.meta)).toEqual(['versionId', 'lastUpdated']);
    expect(extended.meta).toMatchObject({
      project: project.id,
      author: { reference: `ClientApplication/${project.clientId}` },
    });
  });

  test('is updated by PUT, and keeps every version in its history', async () => {
    const { id, versionId } = await aPatient();
    const updated = await put(`Patient/${id}`, { resourceType: 'Patient', id, active: false });
    expect([updated.status, updated.json.active]).toEqual([200, false]);
    const again = await put(`Patient/${id}`, { resourceType: 'Patient', id, active: false });
    expect(again.json.meta.versionId).toBe(updated.json.meta.versionId);
    const deleted = await plane.fhir(project, `Patient/${id}`, { method: 'DELETE' });
    expect([deleted.status, deleted.json.id]).toEqual([200, 'ok']);

    const history = (await get(`Patient/${id}/_history`)).json;
    expect([history.type, history.total]).toEqual(['history', 3]);
    expect(history.entry.map((entry) => [entry.request.method, entry.response.status])).toEqual([
      ['DELETE', '410'],
      ['PUT', '200'],
      ['POST', '201'],
    ]);
    expect(history.entry[2]?.resource.meta.versionId).toBe(versionId);
    const page = (await get(`Patient/${id}/_history?_count=1&_offset=1`)).json;
    expect(page.entry).toHaveLength(1);
    const nextPage = page.link.find((link) => link.relation === 'next')?.url ?? '';
    expect((await get(nextPage.split('/fhir/R4/')[1] ?? '')).json.entry).toMatchObject([
      { request: { method: 'POST' } },
    ]);
    expect(outcomeOf(await get(`Patient/${id}`))).toMatchObject({ status: 410, id: 'gone', code: 'deleted' });
  });

  test('can be made by PUT at an id that the admin chooses', async () => {
    const made = await put('Patient/chosen-1', { resourceType: 'Patient', id: 'chosen-1' });
    expect([made.status, made.json.id]).toEqual([201, 'chosen-1']);
  });

  test('answers HEAD like GET, without the body', async () => {
    const { id, body } = await aPatient();
    const head = await plane.fhir(project, `Patient/${id}`, { method: 'HEAD' });
    expect([head.status, head.text, Number(head.headers['content-length']) > 0]).toEqual([200, '', true]);
    expect(head.headers.etag).toBe(`W/"${body.meta.versionId}"`);
  });

  test('answers on the short path and on its host with links of that route', async () => {
    const token = await plane.token(project);
    const created = await plane.call({
      method: 'POST',
      path: '/fhir/Patient',
      host: 'QUAY.fhir.test:8443',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
      body: '{"resourceType":"Patient"}',
    });
    expect(created.status).toBe(201);
    expect(created.headers.location).toMatch(/^http:\/\/QUAY\.fhir\.test:8443\/fhir\/Patient\//i);
  });
});

describe('conditional requests', () => {
  test('If-None-Match saves sending a version again', async () => {
    const { id, versionId } = await aPatient();
    const same = await get(`Patient/${id}`, { 'if-none-match': `"1", W/"${versionId}"` });
    expect([same.status, same.text, same.headers.etag]).toEqual([304, '', `W/"${versionId}"`]);
    expect((await get(`Patient/${id}`, { 'if-none-match': 'W/"1"' })).status).toBe(200);
  });

  test('If-Match protects what somebody else has changed', async () => {
    const { id, versionId } = await aPatient();
    const stale = await put(`Patient/${id}`, { resourceType: 'Patient', id }, { 'if-match': 'W/"1"' });
    expect(outcomeOf(stale)).toMatchObject({ status: 412, id: 'precondition-failed' });
    const right = await put(`Patient/${id}`, { resourceType: 'Patient', id }, { 'if-match': `W/"${versionId}"` });
    expect(right.status).toBe(200);
    const deletion = await plane.fhir(project, `Patient/${id}`, { method: 'DELETE', headers: { 'if-match': 'W/"1"' } });
    expect(deletion.status).toBe(412);
  });

  test('If-None-Exist returns the one that is there', async () => {
    const criteria = { 'if-none-exist': 'identifier=urn:once|1' };
    const resource = { resourceType: 'Patient', identifier: [{ system: 'urn:once', value: '1' }] };
    const first = await post('Patient', resource, criteria);
    const second = await post('Patient', resource, criteria);
    expect([first.status, second.status, second.json.id]).toEqual([201, 200, first.json.id]);
    expect((await post('Patient', resource, { 'if-none-exist': '' })).status).toBe(412);
    await post('Patient', resource);
    expect(outcomeOf(await post('Patient', resource, criteria))).toMatchObject({ status: 412, id: 'multiple-matches' });
  });

  test('PUT with criteria creates once and updates from then on', async () => {
    const resource = { resourceType: 'Patient', identifier: [{ system: 'urn:upsert', value: '1' }] };
    const made = await put('Patient?identifier=urn:upsert%7C1', resource);
    const updated = await put('Patient?identifier=urn:upsert%7C1', { ...resource, active: true });
    expect([made.status, updated.status, updated.json.id]).toEqual([201, 200, made.json.id]);
  });

  test.each([
    ['return=minimal', ''],
    ['return="minimal"', ''],
    ['return=OperationOutcome', 'OperationOutcome'],
    ['respond-async, return=representation', 'Patient'],
  ])('Prefer: %s decides what comes back', async (prefer, type) => {
    const answer = await post('Patient', { resourceType: 'Patient' }, { prefer });
    expect(answer.status).toBe(201);
    expect(answer.text === '' ? '' : answer.json.resourceType).toBe(type);
  });
});

describe('a search', () => {
  beforeAll(async () => {
    for (let index = 0; index < 5; index++) {
      await aPatient({ identifier: [{ system: 'urn:page', value: `p${index}` }], name: [{ family: 'Pagé & Söhne' }] });
    }
  });

  test('gives a searchset whose pages follow each other by the query string alone', async () => {
    const seen: string[] = [];
    let query = '?identifier=urn:page%7C&_count=2&_total=accurate';
    for (;;) {
      const answer = await get(`Patient${query}`);
      expect([answer.status, answer.json.type, answer.json.total]).toEqual([200, 'searchset', 5]);
      for (const entry of answer.json.entry) {
        expect(entry.fullUrl).toBe(`${plane.url}/p/quay/fhir/R4/Patient/${entry.resource.id}`);
        expect(entry.search).toEqual({ mode: 'match' });
        seen.push(entry.resource.identifier[0]?.value ?? '');
      }
      const next = answer.json.link.find((link) => link.relation === 'next')?.url;
      if (next === undefined) break;
      query = next.slice(next.indexOf('?'));
    }
    expect(seen).toEqual(['p0', 'p1', 'p2', 'p3', 'p4']);
  });

  test('can be sent as a form, together with parameters of the URL', async () => {
    const answer = await plane.fhir(project, 'Patient/_search?_count=1', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'identifier=urn%3Apage%7Cp3',
    });
    expect(answer.json.entry.map((entry) => entry.resource.identifier[0]?.value)).toEqual(['p3']);
  });

  test('with _summary=count gives the number only', async () => {
    const { json } = await get('Patient?identifier=urn:page%7C&_summary=count');
    expect([json.total, json.entry]).toEqual([5, undefined]);
  });

  test('refuses an unknown parameter unless the client is lenient, and then does not repeat it', async () => {
    expect(outcomeOf(await get('Patient?shoe=42'))).toMatchObject({ status: 400, code: 'not-found' });
    const lenient = await get('Patient?shoe=42&identifier=urn:page%7Cp1', { prefer: 'handling=lenient' });
    expect(lenient.status).toBe(200);
    expect(lenient.json.link[0]?.url).not.toContain('shoe');
  });

  test.each([
    ['a NUL character', 'Patient?name=%00', 400],
    ['a prototype key', 'Patient?__proto__=1', 400],
    ['a broken escape', 'Patient?name=%E0%A4', 200],
    ['a foreign cursor', 'Patient?_cursor=AAAA', 400],
    ['an offset beyond the limit', 'Patient?_offset=10001', 400],
    ['a bad count', 'Patient?_count=x', 400],
  ])('with %s is answered without harm', async (_name, path, status) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    if (status === 400) outcomeOf(answer);
  });
});

describe('bundles', () => {
  test('a batch answers each entry by itself, in order', async () => {
    const { id } = await aPatient();
    const answer = await plane.fhir(project, '', {
      method: 'POST',
      headers: { 'x-medplum': 'extended' },
      body: JSON.stringify({
        resourceType: 'Bundle',
        type: 'batch',
        entry: [
          { request: { method: 'GET', url: `/Patient/${id}` } },
          { request: { method: 'GET', url: 'Patient/unknown' } },
          { request: { method: 'POST', url: 'Patient' }, resource: { resourceType: 'Patient' } },
        ],
      }),
    });
    expect(answer.status).toBe(200);
    expect(answer.json.entry.map((entry) => entry.response.status)).toEqual(['200', '404', '201']);
    expect(answer.json.entry[0]?.resource.meta.project).toBe(project.id);
  });

  test('a transaction is done whole or not at all', async () => {
    const entry = (resource: object, url = 'Patient') => ({ request: { method: 'POST', url }, resource });
    const before = (await get('Patient?_summary=count')).json.total;
    const refused = await post('', {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [entry({ resourceType: 'Patient' }), entry({ resourceType: 'Patient', nick: 'x' })],
    });
    expect(outcomeOf(refused).status).toBe(400);
    expect((await get('Patient?_summary=count')).json.total).toBe(before);
    const done = await post('', {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [entry({ resourceType: 'Patient' })],
    });
    expect(done.json.type).toBe('transaction-response');
    expect(done.json.entry[0]?.response.location).toMatch(new RegExp(`^${plane.url}/p/quay/fhir/R4/Patient/`));
  });

  test('the root takes a slash, and only Bundles', async () => {
    const token = await plane.token(project);
    const call = (body: string, path = `${project.path}fhir/R4/`) =>
      plane.call({
        method: 'POST',
        path,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
        body,
      });
    expect((await call('{"resourceType":"Bundle","type":"batch"}')).status).toBe(200);
    expect((await call('{"resourceType":"Bundle","type":"batch"}', `${project.path}fhir`)).status).toBe(200);
    expect(outcomeOf(await call('{"resourceType":"Patient"}')).status).toBe(400);
  });
});

describe('what is wrong is answered with an OperationOutcome', () => {
  test.each<[string, string, string, { body?: string | Buffer; type?: string }, number, string]>([
    ['broken JSON', 'POST', 'Patient', { body: '{"resourceType":"Patient",' }, 400, 'structure'],
    ['no body', 'POST', 'Patient', {}, 415, 'not-supported'],
    ['an empty body', 'POST', 'Patient', { body: '', type: 'application/fhir+json' }, 400, 'structure'],
    ['XML', 'POST', 'Patient', { body: '<Patient/>', type: 'application/fhir+xml' }, 415, 'not-supported'],
    ['plain text', 'POST', 'Patient', { body: '{}', type: 'text/plain' }, 415, 'not-supported'],
    ['a form', 'POST', 'Patient', { body: 'a=b', type: 'application/x-www-form-urlencoded' }, 415, 'not-supported'],
    ['a body without a type', 'PUT', 'Patient/x', { body: '{}', type: '' }, 415, 'not-supported'],
    ['bytes that are not UTF-8', 'POST', 'Patient', { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'structure'],
    ['another type', 'POST', 'Patient', { body: '{"resourceType":"Group"}' }, 400, 'invalid'],
    ['another type in an update', 'PUT', 'Patient/x', { body: '{"resourceType":"Group","id":"x"}' }, 400, 'invalid'],
    ['another id', 'PUT', 'Patient/x', { body: '{"resourceType":"Patient","id":"y"}' }, 400, 'invalid'],
    ['no id', 'PUT', 'Patient/x', { body: '{"resourceType":"Patient"}' }, 400, 'invalid'],
    ['an unknown element', 'POST', 'Patient', { body: '{"resourceType":"Patient","nick":"x"}' }, 400, 'structure'],
    ['a prototype key', 'POST', 'Patient', { body: '{"resourceType":"Patient","__proto__":{}}' }, 400, 'structure'],
    ['3,000 levels', 'POST', 'Patient', { body: '{"a":'.repeat(3000) + '1' + '}'.repeat(3000) }, 400, 'structure'],
    ['an unknown type', 'GET', 'Patienten/1', {}, 404, 'not-found'],
    ['a search of an unknown type', 'GET', 'Patienten', {}, 404, 'not-found'],
    ['a create of an unknown type', 'POST', 'Patienten', { body: '{' }, 404, 'not-found'],
    ['an unknown id', 'GET', 'Patient/unknown', {}, 404, 'not-found'],
    ['an id of another form', 'GET', 'Patient/not_an_id!', {}, 404, 'not-found'],
    ['a version of another form', 'GET', 'Patient/x/_history/one', {}, 404, 'not-found'],
    ['a path with a broken escape', 'GET', 'Patient/%E0%A4', {}, 400, 'invalid'],
    ['an overlong id', 'GET', `Patient/${'x'.repeat(2000)}`, {}, 414, 'too-long'],
    ['an unknown route', 'GET', 'Patient/x/y/z', {}, 404, 'not-found'],
    ['DELETE without a condition', 'DELETE', 'Patient', {}, 412, 'processing'],
    ['PATCH', 'PATCH', 'Patient/x', { body: '[]', type: 'application/json-patch+json' }, 404, 'not-found'],
    ['an operation on an instance', 'GET', 'Patient/x/$summary', {}, 404, 'not-supported'],
    ['an operation on a type', 'POST', 'Patient/$match', { body: '{}' }, 404, 'not-supported'],
    ['an operation read by GET', 'GET', 'CodeSystem/$lookup?code=x', {}, 404, 'not-supported'],
    ['an operation on the system', 'POST', '$reindex', { body: '{}' }, 404, 'not-supported'],
    ['a closed type', 'GET', 'Login', {}, 403, 'forbidden'],
  ])('%s', async (_name, method, path, { body, type }, status, code) => {
    const contentType = type ?? (body === undefined ? '' : 'application/fhir+json');
    const answer = await plane.call({
      method,
      path: `${project.path}fhir/R4/${path}`,
      headers: {
        authorization: `Bearer ${await plane.token(project)}`,
        origin: 'https://app.example.org',
        ...(contentType === '' ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body }),
    });
    expect(outcomeOf(answer)).toMatchObject({ status, code });
    expect(answer.headers['access-control-allow-origin']).toBe('https://app.example.org');
    expect(answer.headers['x-request-id']).toMatch(/./);
  });

  test('a body over the limit, to a client that reads no answer before it has sent everything', async () => {
    const body = `{"resourceType":"Patient","id":"${'x'.repeat(40 * 1024 * 1024)}"}`;
    const headers = { authorization: `Bearer ${await plane.token(project)}`, 'content-type': 'application/fhir+json' };
    const url = `${plane.url}${project.path}fhir/R4/Patient`;
    const known = await fetch(url, { method: 'POST', headers, body });
    expect([known.status, (await known.json()) as object]).toMatchObject([413, { issue: [{ code: 'too-long' }] }]);
    const chunked = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let index = 0; index < 30; index++) controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
        controller.close();
      },
    });
    const unknown = await fetch(url, { method: 'POST', headers, body: chunked, duplex: 'half' });
    expect(unknown.status).toBe(413);
  });

  test('an invalid element is named by its path', async () => {
    const answer = await post('Patient', { resourceType: 'Patient', name: [{ given: 'Ana' }] });
    expect(answer.json.issue[0]?.expression).toEqual(['Patient.name[0].given']);
  });

  test('a fault of ours says nothing about itself', async () => {
    const owner = await connectOnce(project.tenantUrl);
    const run = (text: string) => owner.query(compiledSql({ text, values: [] }));
    const { id } = await aPatient({ name: [{ family: 'Secret-Canary' }] });
    await run(`ALTER TABLE resource_history ADD CONSTRAINT canary CHECK (body NOT LIKE '%Secret-Canary%')`);
    const answer = await put(`Patient/${id}`, { resourceType: 'Patient', id });
    await run('ALTER TABLE resource_history DROP CONSTRAINT canary');
    await owner.close();
    expect(outcomeOf(answer)).toEqual({ status: 500, id: undefined, code: 'exception', text: 'Internal server error' });
    expect(answer.text).not.toMatch(/canary|resource_history/i);
  });
});

describe('compression', () => {
  const text = 'x'.repeat(5_000);

  test('is used for long answers when the client asks', async () => {
    const { id } = await aPatient({ name: [{ family: text }] });
    const compressed = await get(`Patient/${id}`, { 'accept-encoding': 'gzip, deflate' });
    expect(compressed.headers['content-encoding']).toBe('gzip');
    expect(compressed.headers.vary).toMatch(/Accept-Encoding/);
    expect(Number(compressed.headers['content-length'])).toBe(compressed.bytes.length);
    const plain = await get(`Patient/${id}`, { 'accept-encoding': 'gzip;q=0, br' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.headers.vary).toMatch(/Accept-Encoding/);
    expect(gunzipSync(compressed.bytes).toString()).toBe(plain.text);
  });

  test('is not used for short answers', async () => {
    const { id } = await aPatient();
    const answer = await get(`Patient/${id}`, { 'accept-encoding': 'gzip' });
    expect([answer.headers['content-encoding'], answer.headers.vary]).toEqual([undefined, undefined]);
  });
});

test('the audit knows who has read, searched and written what', async () => {
  const { id } = await aPatient();
  await get(`Patient/${id}`, { 'x-request-id': 'audit-read' });
  await get(`Patient?_id=${id}`, { 'x-request-id': 'audit-search' });
  await get('Login/x', { 'x-request-id': 'audit-refused' });
  const owner = await connectOnce(project.tenantUrl);
  const entries = async () =>
    owner.query<{ action: string; agent: string; entity: string; outcome: number; request_id: string }>(
      compiledSql({
        text: `SELECT action::text, outcome, agent, entity, request_id FROM audit_event WHERE request_id LIKE 'audit-%' ORDER BY id`,
        values: [],
      }),
    );
  let found = await entries();
  for (let waited = 0; found.length < 3 && waited < 600; waited++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    found = await entries();
  }
  await owner.close();
  const agent = `ClientApplication/${project.clientId}`;
  expect(found).toEqual([
    { action: 'R', outcome: 0, agent, entity: `Patient/${id}`, request_id: 'audit-read' },
    { action: 'R', outcome: 0, agent, entity: `Patient?_id=${id}`, request_id: 'audit-search' },
    { action: 'R', outcome: 4, agent, entity: 'Login/x', request_id: 'audit-refused' },
  ]);
});

test('the capability statement says what is there, and is open to everybody', async () => {
  const answer = await plane.call({ path: '/fhir/R4/metadata', host: 'quay.fhir.test' });
  expect(answer.status).toBe(200);
  const { fhirVersion, rest, implementation } = answer.json;
  expect([fhirVersion, implementation.url]).toEqual(['4.0.1', 'http://quay.fhir.test/fhir/R4']);
  const patient = rest[0]?.resource.find((resource) => resource.type === 'Patient');
  expect(patient?.updateCreate).toBe(true);
  expect(patient?.searchParam.find((parameter) => parameter.name === 'birthdate')).toEqual({
    name: 'birthdate',
    definition: 'http://hl7.org/fhir/SearchParameter/individual-birthdate',
    type: 'date',
  });
  const observation = rest[0]?.resource.find((resource) => resource.type === 'Observation');
  expect(observation?.searchParam.map((parameter) => parameter.type)).toContain('quantity');
  expect(rest[0]?.resource.map((resource) => resource.type)).not.toContain('Login');
});
