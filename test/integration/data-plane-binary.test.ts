/** Contents of Binaries through a whole data plane: as they are, in their resource, and what must not be possible. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MedplumClient } from '@medplum/core';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';

const MIB = 1024 * 1024;
const dataDir = mkdtempSync(path.join(tmpdir(), 'binary-'));
let plane: TestPlane;
let project: TestProject;

beforeAll(async () => {
  plane = await aDataPlane({ dataDir, maxBinaryBytes: MIB });
  project = await plane.createProject('binaries');
});

afterAll(async () => {
  await plane?.close();
  rmSync(dataDir, { recursive: true });
});

const upload = (body: Buffer | string, headers: Record<string, string> = {}, query = ''): Promise<Answer> =>
  plane.fhir(project, `Binary${query}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });

const raw = (id: string, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, `Binary/${id}`, { headers: { accept: '*/*', ...headers } });

const asResource = (id: string): Promise<Answer> =>
  plane.fhir(project, `Binary/${id}`, { headers: { accept: 'application/fhir+json' } });

interface BinaryJson {
  id: string;
  meta: { versionId: string };
  contentType: string;
  securityContext?: { reference: string };
  data?: string;
  url?: string;
  _data?: unknown;
}

const binary = (answer: Answer) => JSON.parse(answer.text) as BinaryJson;

function storedFiles(): string[] {
  const entries = readdirSync(path.join(dataDir, 'files'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

describe('a content', () => {
  test.each([
    ['image/png', 70_000],
    ['application/json', 12],
    ['text/plain; charset=utf-8', 1],
    ['application/x-www-form-urlencoded', 5],
    ['application/json-patch+json', 5],
    ['application/xml', 300_000],
  ])('of the type %s comes back as it was uploaded', async (contentType, size) => {
    const bytes = randomBytes(size);
    const created = await upload(bytes, { 'content-type': contentType });
    expect([created.status, created.text]).toEqual([201, expect.stringContaining('"Binary"')]);
    const { id } = binary(created);
    expect(created.headers.location).toContain(`Binary/${id}/_history/`);
    expect(binary(created)).toMatchObject({ contentType });
    expect(binary(created).data).toBeUndefined();
    const read = await raw(id);
    expect([read.status, read.headers['content-type'], read.headers['content-length']]).toEqual([
      200,
      contentType,
      String(size),
    ]);
    expect(read.bytes.equals(bytes)).toBe(true);
  });

  test('without a content type is octets, and an empty one is refused', async () => {
    const created = await plane.call({
      method: 'POST',
      path: `${project.path}fhir/Binary`,
      headers: { authorization: `Bearer ${await plane.token(project)}` },
      body: 'x',
    });
    expect(binary(created).contentType).toBe('application/octet-stream');
    expect((await upload('')).status).toBe(400);
  });

  test('is shown inside its resource to whoever asks for FHIR', async () => {
    const bytes = randomBytes(200_000);
    const { id } = binary(await upload(bytes, { 'content-type': 'image/png' }));
    const resource = await asResource(id);
    expect(resource.headers['content-type']).toBe('application/fhir+json; charset=utf-8');
    expect(binary(resource)).toEqual({
      resourceType: 'Binary',
      id,
      meta: expect.anything(),
      contentType: 'image/png',
      data: bytes.toString('base64'),
    });
    const extended = await plane.fhir(project, `Binary/${id}?_format=json`, { headers: { 'x-medplum': 'extended' } });
    expect(binary(extended)).toMatchObject({ data: bytes.toString('base64'), meta: { project: project.id } });
  });

  test('is kept encrypted, readable by the server alone, and below its project', async () => {
    const before = new Set(storedFiles());
    await upload('a patient has a name', { 'content-type': 'text/plain' });
    const [file = ''] = storedFiles().filter((name) => !before.has(name));
    expect(path.relative(path.join(dataDir, 'files'), file).split(path.sep)[0]).toBe(project.id);
    expect(readFileSync(file).includes('patient')).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('stays with its version when another one is put in its place', async () => {
    const first = binary(await upload('first', { 'content-type': 'text/plain' }));
    const updated = await plane.fhir(project, `Binary/${first.id}`, {
      method: 'PUT',
      body: 'second',
      headers: { 'content-type': 'text/plain', 'if-match': `W/"${first.meta.versionId}"` },
    });
    expect(updated.status).toBe(200);
    expect((await raw(first.id)).text).toBe('second');
    expect((await raw(`${first.id}/_history/${first.meta.versionId}`)).text).toBe('first');
    const files = storedFiles().length;
    const stale = await plane.fhir(project, `Binary/${first.id}`, {
      method: 'PUT',
      body: 'third',
      headers: { 'content-type': 'text/plain', 'if-match': `W/"${first.meta.versionId}"` },
    });
    expect([stale.status, storedFiles().length]).toEqual([412, files]);
  });

  test('is answered 304 to whoever has it, in parts to whoever asks for parts, and without a body to HEAD', async () => {
    const bytes = randomBytes(150_000);
    const { id } = binary(await upload(bytes, { 'content-type': 'video/mp4' }));
    const whole = await raw(id);
    expect((await raw(id, { 'if-none-match': String(whole.headers.etag) })).status).toBe(304);
    const part = await raw(id, { range: 'bytes=100000-100009' });
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 100000-100009/150000']);
    expect(part.bytes.equals(bytes.subarray(100_000, 100_010))).toBe(true);
    expect((await raw(id, { range: 'bytes=-3' })).bytes.equals(bytes.subarray(-3))).toBe(true);
    expect((await raw(id, { range: 'bytes=150000-' })).status).toBe(416);
    expect((await raw(id, { range: 'bytes=0-9', 'if-range': String(whole.headers.etag) })).status).toBe(200);
    const head = await plane.fhir(project, `Binary/${id}`, { method: 'HEAD', headers: { accept: '*/*' } });
    expect([head.status, head.headers['content-length'], head.bytes.length]).toEqual([200, '150000', 0]);
    expect((await raw(id, { accept: 'image/png' })).status).toBe(406);
  });
});

describe('a Binary in FHIR', () => {
  const put = (id: string, body: object | string, method = 'PUT') =>
    plane.fhir(project, method === 'PUT' ? `Binary/${id}` : 'Binary', {
      method,
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/fhir+json' },
    });

  test('has its data stored like an upload, and comes back as it was sent', async () => {
    const files = storedFiles().length;
    const sent = '"contentType":"text/plain","data":"aGVsbG8=","language":"en"';
    const created = await put('', `{"resourceType":"Binary",${sent}}`, 'POST');
    expect([created.status, storedFiles().length]).toEqual([201, files + 1]);
    const { id } = binary(created);
    expect((await asResource(id)).text).toMatch(new RegExp(`},${sent}}$`));
    expect((await raw(id)).text).toBe('hello');
  });

  test.each<[string, object, number]>([
    ['data that is no base64', { contentType: 'text/plain', data: 'a' }, 400],
    ['data of another type', { contentType: 'text/plain', data: 1 }, 400],
    ['no content type', { data: 'aGVsbG8=' }, 400],
    ['data hidden elsewhere', { contentType: 'a/b', securityContext: { data: 'aGVsbG8=' }, data: 'aGVsbG8=' }, 400],
    ['data with an extension', { contentType: 'a/b', data: 'aGVsbG8=', _data: { id: 'x' } }, 400],
  ])('with %s is refused and leaves no file', async (_what, members, status) => {
    const files = storedFiles().length;
    const refused = await put('', { resourceType: 'Binary', ...members }, 'POST');
    expect([refused.status, refused.json.resourceType, storedFiles().length]).toEqual([
      status,
      'OperationOutcome',
      files,
    ]);
  });

  test('without content answers 404 to whoever wants the content', async () => {
    const { id } = binary(await put('', { resourceType: 'Binary', contentType: 'text/plain' }, 'POST'));
    expect([(await raw(id)).status, (await asResource(id)).status]).toEqual([404, 200]);
  });

  test('that came in a transaction is read like any other', async () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          request: { method: 'POST', url: 'Binary' },
          resource: { resourceType: 'Binary', contentType: 'text/plain', data: 'aGVsbG8=' },
        },
      ],
    };
    const answer = await plane.fhir(project, '', {
      method: 'POST',
      body: JSON.stringify(bundle),
      headers: { 'content-type': 'application/fhir+json' },
    });
    const id = /Binary\/([^/]+)/.exec(answer.text)?.[1] ?? '';
    expect((await raw(id)).text).toBe('hello');
    expect(binary(await asResource(id)).data).toBe('aGVsbG8=');
  });

  test('that was found in a history can be put back, and nobody can point it at the content of another', async () => {
    const one = binary(await upload('mine', { 'content-type': 'text/plain' }));
    const other = binary(await upload('theirs', { 'content-type': 'text/plain' }));
    const found = async (id: string) =>
      (await plane.fhir(project, `Binary/${id}/_history`)).json.entry[0]?.resource as unknown as BinaryJson;
    const foundOne = await found(one.id);
    expect(foundOne.data).toBeUndefined();
    expect((await put(one.id, { ...foundOne, language: 'en' })).status).toBe(200);
    expect((await raw(one.id)).text).toBe('mine');
    const stolen = { ...foundOne, _data: (await found(other.id))._data };
    expect((await put(one.id, stolen)).status).toBe(400);
    const batch = await plane.fhir(project, '', {
      method: 'POST',
      body: JSON.stringify({
        resourceType: 'Bundle',
        type: 'batch',
        entry: [{ request: { method: 'PUT', url: `Binary/${one.id}` }, resource: stolen }],
      }),
      headers: { 'content-type': 'application/fhir+json' },
    });
    expect(batch.status).toBe(200);
    expect((await raw(one.id)).text).not.toContain('theirs');
  });

  test('carries the url of its content for SDKs, which can download it', async () => {
    const created = await upload(
      'pdf',
      { 'content-type': 'application/pdf', 'x-medplum': 'extended' },
      '?_filename=a.pdf',
    );
    const { url = '', id } = binary(created);
    expect(url).toContain(`${plane.url}${project.path}storage/Binary/${id}?signature=`);
    const token = await plane.token(project);
    const download = await fetch(url, { headers: { authorization: `Bearer ${token}`, accept: '*/*' } });
    expect(await download.text()).toBe('pdf');
  });
});

test('an SDK attaches, downloads and reads contents unmodified', async () => {
  const medplum = new MedplumClient({ baseUrl: `${plane.url}${project.path}`, fetch });
  await medplum.startClientLogin(project.clientId, project.clientSecret);
  const attachment = await medplum.createAttachment({
    data: 'hello',
    contentType: 'text/plain',
    filename: 'hello.txt',
  });
  expect(attachment).toMatchObject({ contentType: 'text/plain', title: 'hello.txt' });
  expect(await (await medplum.download(attachment.url ?? '')).text()).toBe('hello');
  const patient = await medplum.createResource({ resourceType: 'Patient', photo: [attachment] });
  expect(patient.photo).toEqual([attachment]);
  const found = await medplum.readResource('Binary', /\/Binary\/([^?]+)/.exec(attachment.url ?? '')?.[1] ?? '');
  expect(found.data).toBe(Buffer.from('hello').toString('base64'));
  const everything = await medplum.readPatientEverything(patient.id ?? '');
  expect(everything.entry?.map(({ resource }) => resource?.id)).toEqual([patient.id]);
  expect((await medplum.validateResource({ resourceType: 'Patient' })).id).toBe('ok');
});

describe('uploads are served safely:', () => {
  test.each([
    ['image/png', 'inline'],
    ['text/plain', 'inline'],
    ['application/pdf', 'inline'],
    ['text/html', 'attachment'],
    ['image/svg+xml', 'attachment'],
    ['application/xhtml+xml', 'attachment'],
    ['text/xml', 'attachment'],
    ['text/javascript', 'attachment'],
    ['application/octet-stream', 'attachment'],
    ['multipart/mixed; boundary=x', 'attachment'],
  ])('%s as %s', async (contentType, disposition) => {
    const { id } = binary(await upload('<script>', { 'content-type': contentType }));
    expect((await raw(id)).headers).toMatchObject({
      'content-type': contentType,
      'content-disposition': disposition,
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
  });

  test('with their name, whatever characters it has', async () => {
    const name = encodeURIComponent('Rön"tgen\r\n.png');
    const { id } = binary(await upload('x', { 'content-type': 'image/png' }, `?_filename=${name}`));
    expect((await raw(id)).headers['content-disposition']).toBe(
      `inline; filename="R_n_tgen__.png"; filename*=UTF-8''R%C3%B6n%22tgen%0D%0A.png`,
    );
  });
});

describe('an upload', () => {
  test('that is too long is refused, announced or not, and leaves no file', async () => {
    const files = storedFiles().length;
    const announced = await upload(randomBytes(MIB + 1));
    expect([announced.status, announced.json.issue[0]?.code]).toEqual([413, 'too-long']);
    const streamed = await plane.fhir(project, 'Binary', {
      method: 'POST',
      body: randomBytes(MIB + 1),
      headers: { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' },
    });
    expect([streamed.status, storedFiles().length]).toEqual([413, files]);
    expect((await upload(randomBytes(MIB))).status).toBe(201);
  });

  test('that is not needed, because the Binary is there already, leaves no file', async () => {
    const { id } = binary(await upload('here already'));
    const files = storedFiles().length;
    const again = await upload('once more', { 'if-none-exist': `_id=${id}` });
    expect([again.status, binary(again).id, storedFiles().length]).toEqual([200, id, files]);
    expect((await raw(id)).text).toBe('here already');
  });

  test('that was compressed for its transport is refused', async () => {
    const refused = await upload('x', { 'content-encoding': 'gzip' });
    expect([refused.status, refused.json.issue[0]?.code]).toEqual([415, 'not-supported']);
  });

  test('that breaks off leaves no file and no row', async () => {
    const files = storedFiles().length;
    const count = async () => (await plane.fhir(project, 'Binary/_history')).json.total;
    const rows = await count();
    await brokenUpload();
    await until(() => storedFiles().length === files, 'the unfinished upload is gone');
    expect(await count()).toBe(rows);
  });

  test('of somebody without a token is refused before it is stored', async () => {
    const files = storedFiles().length;
    const refused = await plane.call({ method: 'POST', path: `${project.path}fhir/Binary`, body: randomBytes(1000) });
    expect([refused.status, storedFiles().length]).toEqual([401, files]);
  });

  test('with a security context is read by those who can read the context', async () => {
    const patient = await plane.fhir(project, 'Patient', {
      method: 'POST',
      body: '{"resourceType":"Patient"}',
      headers: { 'content-type': 'application/fhir+json' },
    });
    const reference = `Patient/${patient.json.id}`;
    const { id, securityContext } = binary(await upload('x', { 'x-security-context': reference }));
    expect(securityContext).toEqual({ reference });
    expect((await raw(id)).status).toBe(200);
    await plane.fhir(project, reference, { method: 'DELETE' });
    expect([(await raw(id)).status, (await asResource(id)).status]).toEqual([403, 403]);
    expect((await upload('x', { 'x-security-context': 'nonsense' })).status).toBe(400);
  });

  test('that takes the place of another keeps its security context, unless the header names one', async () => {
    const patient = async () => {
      const body = '{"resourceType":"Patient"}';
      const headers = { 'content-type': 'application/fhir+json' };
      return `Patient/${(await plane.fhir(project, 'Patient', { method: 'POST', body, headers })).json.id}`;
    };
    const [first, second] = [await patient(), await patient()];
    const { id } = binary(await upload('one', { 'x-security-context': first }));
    const replace = (body: string, headers: Record<string, string> = {}) =>
      plane.fhir(project, `Binary/${id}`, {
        method: 'PUT',
        body,
        headers: { 'content-type': 'text/plain', ...headers },
      });
    const kept = await replace('two');
    expect([kept.status, binary(kept).securityContext]).toEqual([200, { reference: first }]);
    expect((await raw(id)).text).toBe('two');
    const named = await replace('three', { 'x-security-context': second });
    expect([named.status, binary(named).securityContext]).toEqual([200, { reference: second }]);
    expect((await raw(id)).text).toBe('three');
    await plane.fhir(project, second, { method: 'DELETE' });
    const files = storedFiles().length;
    expect([(await replace('four')).status, storedFiles().length]).toEqual([403, files]);
  });

  test('is nothing in another project', async () => {
    const other = await plane.createProject('elsewhere');
    const { id } = binary(await upload('mine'));
    expect((await plane.fhir(other, `Binary/${id}`)).status).toBe(404);
  });

  test('of many megabytes comes back whole, but not inside its resource', async () => {
    const big = await aDataPlane({ dataDir, maxBinaryBytes: 100 * MIB });
    try {
      const owner = await big.createProject('big');
      const bytes = randomBytes(30 * MIB);
      const created = await big.fhir(owner, 'Binary', {
        method: 'POST',
        body: bytes,
        headers: { 'content-type': 'video/mp4' },
      });
      const { id } = binary(created);
      const read = await big.fhir(owner, `Binary/${id}`, { headers: { accept: '*/*' } });
      const hash = (content: Buffer) => createHash('sha256').update(content).digest('hex');
      expect(hash(read.bytes)).toBe(hash(bytes));
      const inline = await big.fhir(owner, `Binary/${id}`, { headers: { accept: 'application/fhir+json' } });
      expect([inline.status, inline.json.issue[0]?.code]).toEqual([400, 'too-costly']);
    } finally {
      await big.close();
    }
  });
});

/** Sends half of what it announces and hangs up. */
async function brokenUpload(): Promise<void> {
  const token = await plane.token(project);
  const { hostname, port } = new URL(plane.url);
  await new Promise<void>((resolve) => {
    const call = httpRequest({
      hostname,
      port,
      method: 'POST',
      path: `${project.path}fhir/Binary`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'image/png', 'content-length': '100000' },
    });
    call.on('error', () => resolve());
    call.on('close', () => resolve());
    call.write(randomBytes(50_000), () => {
      const begun = setInterval(() => {
        // Some of it must have arrived, or the test would prove nothing.
        if (readdirSync(path.join(dataDir, 'files', '.uploads')).length === 0) return;
        clearInterval(begun);
        call.destroy();
      }, 5);
    });
  });
}

/** Waits until `holds`; fails when that takes longer than anything could that is going to happen. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`Not within 30 seconds: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
