/** The write side and the histories of the FHIR REST API over HTTP (https://hl7.org/fhir/R4/http.html). */
import { type Answer, aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;
beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('rest');
});
afterAll(() => plane?.close());

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const get = (path: string, headers: Record<string, string> = {}) => send('GET', path, undefined, headers);
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const gender = (value: string) => [{ op: 'add', path: '/gender', value }];

async function aPatient(more: object = {}): Promise<{ id: string; versionId: string; lastUpdated: string }> {
  const { json } = await send('POST', 'Patient', { resourceType: 'Patient', ...more });
  return { id: json.id, ...json.meta };
}

const issueOf = (answer: Answer) => [answer.status, answer.json.resourceType, answer.json.issue[0]?.code];

describe('PATCH', () => {
  test('takes a JSON Patch', async () => {
    const { id } = await aPatient();
    const patched = await send('PATCH', `Patient/${id}`, gender('female'), jsonPatch);
    expect([patched.status, patched.json]).toMatchObject([200, { id, gender: 'female' }]);
    expect(patched.headers).toMatchObject({
      etag: `W/"${patched.json.meta.versionId}"`,
      'last-modified': new Date(patched.json.meta.lastUpdated).toUTCString(),
      'content-location': `${plane.url}/p/rest/fhir/R4/Patient/${id}/_history/${patched.json.meta.versionId}`,
    });
    expect((await get(`Patient/${id}`)).text).toBe(patched.text);
  });

  test('takes a FHIRPath Patch as Parameters', async () => {
    const { id } = await aPatient({ gender: 'male' });
    const part = [
      { name: 'type', valueCode: 'delete' },
      { name: 'path', valueString: 'Patient.gender' },
    ];
    const body = { resourceType: 'Parameters', parameter: [{ name: 'operation', part }] };
    const patched = await send('PATCH', `Patient/${id}`, body);
    expect(patched.status).toBe(200);
    expect(patched.json).not.toHaveProperty('gender');
  });

  test('takes a condition in place of an id', async () => {
    const { id } = await aPatient({ identifier: [{ value: 'patch-me' }] });
    const patched = await send('PATCH', 'Patient?identifier=patch-me', gender('other'), jsonPatch);
    expect([patched.status, patched.json.id]).toEqual([200, id]);
    expect(issueOf(await send('PATCH', 'Patient?identifier=nobody', gender('other'), jsonPatch))).toEqual([
      404,
      'OperationOutcome',
      'not-found',
    ]);
    expect((await send('PATCH', 'Patient', gender('other'), jsonPatch)).status).toBe(412);
  });

  test.each<[string, unknown, Record<string, string>, number]>([
    ['another type of body', gender('male'), { 'content-type': 'text/plain' }, 415],
    ['no body', undefined, jsonPatch, 400],
    ['a body that is no patch', { op: 'add' }, jsonPatch, 400],
    ['a resource as a patch', { resourceType: 'Patient' }, {}, 400],
    ['a test that fails', [{ op: 'test', path: '/gender', value: 'male' }], jsonPatch, 412],
    ['a place that is not there', [{ op: 'remove', path: '/photo' }], jsonPatch, 422],
    ['a result that is not valid', gender('nonsense'), jsonPatch, 422],
    ['another version', gender('male'), { ...jsonPatch, 'if-match': 'W/"1"' }, 412],
  ])('with %s is refused', async (_, body, headers, status) => {
    const { id, versionId } = await aPatient();
    const answer = await send('PATCH', `Patient/${id}`, body, headers);
    expect([answer.status, answer.json.resourceType]).toEqual([status, 'OperationOutcome']);
    expect((await get(`Patient/${id}`)).json.meta.versionId).toBe(versionId);
  });

  test('of an unknown or deleted resource, or an unknown type, is refused', async () => {
    const { id } = await aPatient();
    await send('DELETE', `Patient/${id}`);
    const statuses = [];
    for (const path of [`Patient/${id}`, 'Patient/unknown', 'Nothing/1', 'Nothing?x=1']) {
      statuses.push((await send('PATCH', path, gender('male'), jsonPatch)).status);
    }
    expect(statuses).toEqual([410, 404, 404, 404]);
  });
});

describe('Prefer: return', () => {
  test.each([
    ['minimal', ''],
    ['OperationOutcome', 'OperationOutcome'],
    ['representation', 'Patient'],
  ])('=%s decides what comes back of each write', async (preference, resourceType) => {
    const prefer = { prefer: `return=${preference}` };
    const created = await send('POST', 'Patient', { resourceType: 'Patient' }, prefer);
    const id = /Patient\/([^/]+)/.exec(created.headers.location ?? '')?.[1] ?? '';
    const updated = await send('PUT', `Patient/${id}`, { resourceType: 'Patient', id, active: true }, prefer);
    const patched = await send('PATCH', `Patient/${id}`, gender('male'), { ...jsonPatch, ...prefer });
    for (const answer of [created, updated, patched]) {
      expect(answer.text === '' ? '' : answer.json.resourceType).toBe(resourceType);
      expect(answer.headers.etag).toMatch(/^W\/"\d+"$/);
    }
    expect([created.status, updated.status, patched.status]).toEqual([201, 200, 200]);
    const deleted = await send('DELETE', `Patient/${id}`, undefined, prefer);
    expect([deleted.status, deleted.text === '']).toEqual(preference === 'minimal' ? [204, true] : [200, false]);
  });
});

describe('DELETE', () => {
  test('takes a condition in place of an id', async () => {
    const made = [];
    for (let count = 0; count < 2; count++) made.push(await aPatient({ identifier: [{ value: 'delete-me' }] }));
    const deleted = await send('DELETE', 'Patient?identifier=delete-me');
    expect([deleted.status, deleted.json.id]).toEqual([200, 'ok']);
    expect(deleted.headers.etag).toBeUndefined();
    for (const { id } of made) expect((await get(`Patient/${id}`)).status).toBe(410);
    expect((await send('DELETE', 'Patient?identifier=delete-me')).status).toBe(200);
    expect(issueOf(await send('DELETE', 'Patient'))).toEqual([412, 'OperationOutcome', 'processing']);
    expect((await send('DELETE', 'Nothing?x=1')).status).toBe(404);
  });
});

describe('a history', () => {
  /** All entries over all pages, by the links alone. */
  async function follow(path: string): Promise<{ fullUrl: string; request: { method: string } }[]> {
    const entries = [];
    for (let next: string | undefined = path; next !== undefined;) {
      const { status, json } = await get(next);
      expect([status, json.type]).toEqual([200, 'history']);
      entries.push(...(json.entry ?? []));
      next = json.link.find(({ relation }) => relation === 'next')?.url.split('/fhir/R4/')[1];
    }
    return entries;
  }

  test('of a type and of the project can be followed page by page', async () => {
    const { id, lastUpdated } = await aPatient();
    await send('PUT', `Patient/${id}`, { resourceType: 'Patient', id, active: true });
    await send('DELETE', `Patient/${id}`);
    const since = encodeURIComponent(lastUpdated);
    for (const path of ['_history', 'Patient/_history', `Patient/${id}/_history`]) {
      const entries = await follow(`${path}?_count=1&_since=${since}`);
      const own = entries.filter(({ fullUrl }) => fullUrl === `${plane.url}/p/rest/fhir/R4/Patient/${id}`);
      expect(own.map(({ request }) => request.method)).toEqual(['DELETE', 'PUT', 'POST']);
    }
  });

  test.each(['_since=yesterday', '_at=x', '_count=-1', '_cursor=x', '_sort=name', 'name=x'])(
    'with %s is refused',
    async (query) => {
      for (const path of ['_history', 'Patient/_history']) {
        expect(issueOf(await get(`${path}?${query}`))).toEqual([400, 'OperationOutcome', 'value']);
      }
      const { id } = await aPatient();
      expect((await get(`Patient/${id}/_history?${query}`)).status).toBe(400);
    },
  );

  test('leaves out what it does not know when the client prefers that', async () => {
    const answer = await get('Patient/_history?name=x&_count=1', { prefer: 'handling=lenient' });
    expect(answer.status).toBe(200);
    expect(answer.json.link[0]).toEqual({
      relation: 'self',
      url: `${plane.url}/p/rest/fhir/R4/Patient/_history?_count=1`,
    });
  });

  test('of an unknown type or resource is not found', async () => {
    expect((await get('Nothing/_history')).status).toBe(404);
    expect((await get('Patient/unknown/_history')).status).toBe(404);
  });
});

describe('a read', () => {
  test('is answered 304 when nothing is newer than If-Modified-Since', async () => {
    const { id, versionId, lastUpdated } = await aPatient();
    const since = (offsetMs: number) => ({
      'if-modified-since': new Date(Date.parse(lastUpdated) + offsetMs).toUTCString(),
    });
    const same = await get(`Patient/${id}`, since(0));
    expect([same.status, same.text, same.headers.etag]).toEqual([304, '', `W/"${versionId}"`]);
    expect((await get(`Patient/${id}`, since(-5000))).status).toBe(200);
    expect((await get(`Patient/${id}`, { ...since(0), 'if-none-match': 'W/"1"' })).status).toBe(200);
  });

  test('by HEAD has the headers of GET at every address', async () => {
    const { id, versionId } = await aPatient();
    for (const path of [
      `Patient/${id}`,
      `Patient/${id}/_history/${versionId}`,
      `Patient/${id}/_history`,
      'Patient/_history?_count=1',
      '_history?_count=1',
      `Patient?_id=${id}`,
      'metadata',
    ]) {
      const [wanted, head] = [await get(path), await send('HEAD', path)];
      expect([path, head.status, head.text]).toEqual([path, 200, '']);
      for (const name of ['etag', 'last-modified', 'content-type', 'content-length', 'cache-control']) {
        expect([path, name, head.headers[name]]).toEqual([path, name, wanted.headers[name]]);
      }
    }
    expect((await send('HEAD', 'Patient/unknown')).status).toBe(404);
  });
});

test.each([
  ['POST', 'Patient/1', 'GET, HEAD, PUT, PATCH, DELETE'],
  ['POST', 'Patient/1/_history', 'GET, HEAD'],
  ['PUT', 'Patient/1/_history/2', 'GET, HEAD'],
  ['DELETE', 'Patient/1/_history', 'GET, HEAD'],
  ['PATCH', 'Patient/_history', 'GET, HEAD'],
  ['DELETE', '_history', 'GET, HEAD'],
  ['PUT', '', 'GET, HEAD, POST'],
  ['DELETE', '', 'GET, HEAD, POST'],
])('%s %s is answered 405 with the methods that there are', async (method, path, allowed) => {
  const answer = await send(method, path, method === 'DELETE' ? undefined : { resourceType: 'Patient' });
  expect([answer.status, answer.headers.allow]).toEqual([405, allowed]);
  expect(answer.json.resourceType).toBe('OperationOutcome');
});

describe('operations in a batch', () => {
  const batch = async (type: string, entry: unknown[]) =>
    (await send('POST', '', { resourceType: 'Bundle', type, entry })).json;

  test('answer what they answer by themselves', async () => {
    const { id } = await aPatient({ meta: { tag: [{ code: 'x' }] } });
    const invalid = { resourceType: 'Patient', gender: 'nonsense' };
    const { entry } = await batch('batch', [
      { request: { method: 'GET', url: `Patient/${id}/$meta` } },
      { request: { method: 'POST', url: 'Patient/$validate' }, resource: invalid },
      { request: { method: 'GET', url: 'Patient/unknown/$meta' } },
      { request: { method: 'GET', url: 'Patient/$nonsense' } },
    ]);
    expect(entry.map(({ response }) => response.status)).toEqual(['200', '200', '404', '404']);
    expect(entry[0]?.resource).toEqual((await get(`Patient/${id}/$meta`)).json);
    expect(entry[1]?.resource).toEqual((await send('POST', 'Patient/$validate', invalid)).json);
  });

  test('are answered with their own status', async () => {
    const { entry } = await batch('batch', [
      { request: { method: 'GET', url: 'Patient/$meta?_format=xml' } },
      { request: { method: 'GET', url: '$graphql?query=mutation%20%7BPatientDelete(id%3A%22x%22)%7D' } },
    ]);
    expect(entry[0]?.response.status).toBe('406');
    expect(entry[0]?.response).toMatchObject({ outcome: { resourceType: 'OperationOutcome' } });
    expect(entry[1]?.response.status).toMatch(/^4/);
  });

  test.each([
    'Patient/../$meta',
    'Patient/./$meta',
    '$meta\\..\\..\\fhir\\Patient',
    '$meta/../Patient',
    'Patient/$meta%2f..%2f..',
    'Patient/1/foo/$validate',
  ])('lead to nothing but operations: %s', async (url) => {
    const { entry } = await batch('batch', [{ request: { method: 'GET', url } }]);
    expect(entry[0]?.response.status).toBe('404');
    expect(entry[0]?.resource).toBeUndefined();
  });

  test('are refused in a transaction', async () => {
    const answer = await batch('transaction', [{ request: { method: 'GET', url: 'Patient/$meta' } }]);
    expect([answer.resourceType, answer.issue[0]?.code]).toEqual(['OperationOutcome', 'not-supported']);
  });
});
