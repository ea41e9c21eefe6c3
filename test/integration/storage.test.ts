/** Attachments with signed addresses, the contents behind them, and the files that nothing names any more. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fhirVersion } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { tenantDatabase } from '#fhir-store';
import { LocalFileStorage } from '#files';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { createLogger } from '#platform';
import { connectOnce, type Connection } from '#postgres';
import { projectKeys, type TenantEntry } from '#tenancy';
import { BinaryContents } from '../../apps/data-plane/src/fhir/binary/binary-contents.js';
import { StorageLinks } from '../../apps/data-plane/src/storage/storage-links.js';
import { FileSweeps } from '../../apps/data-plane/src/storage/file-sweeps.js';
import { sweepFiles, type SweepResult } from '../../apps/data-plane/src/storage/sweep-files.js';
import { ServedEntry } from '../../apps/data-plane/src/tenant/served-entry.js';
import { TenantRuntime } from '../../apps/data-plane/src/tenant/tenant-runtime.js';
import { aProjectWithAdmin, type AdministeredProject, type Call, type Member } from './admin.fixture.js';
import type { Answer } from './data-plane.fixture.js';

const dataDir = mkdtempSync(path.join(tmpdir(), 'storage-'));
let project: AdministeredProject;
let base: string;
/** Reads Patients and Binaries, but no Observations: those are the contexts that it cannot read. */
let reader: Member;
/** The same, of a policy that hides the contexts. */
let hiding: Member;
/** Reads Patients, and no Binaries. */
let outsider: Member;

beforeAll(async () => {
  project = await aProjectWithAdmin({ dataDir, auditReads: 'strict' });
  base = `${project.plane.url}${project.project.path}`;
  const policy = (...types: string[]) => ({
    resourceType: 'AccessPolicy',
    name: types.join(),
    resource: types.map((resourceType) => ({ resourceType })),
  });
  reader = await project.member('reader', policy('Patient', 'Binary'));
  hiding = await project.member('hiding', {
    resourceType: 'AccessPolicy',
    resource: [{ resourceType: 'Patient' }, { resourceType: 'Binary', hiddenFields: ['securityContext'] }],
  });
  outsider = await project.member('outsider', policy('Patient'));
}, 60_000);

afterAll(async () => {
  await project?.plane.close();
  rmSync(dataDir, { recursive: true });
});

interface Uploaded {
  readonly id: string;
  readonly url: string;
  readonly meta: { readonly versionId: string };
}

async function upload(content: string, headers: Record<string, string> = {}, id?: string): Promise<Uploaded> {
  const answer = await project.fhir(id === undefined ? 'Binary' : `Binary/${id}`, {
    method: id === undefined ? 'POST' : 'PUT',
    body: content,
    headers: { 'content-type': 'text/plain', 'x-medplum': 'extended', ...headers },
  });
  return JSON.parse(answer.text) as Uploaded;
}

/** A Patient with these contents as photos, as it was answered. */
const aPatientWith = (...ids: string[]) =>
  project.store({ resourceType: 'Patient', photo: ids.map((id) => ({ title: 'photo', url: `Binary/${id}` })) });

/** A call without a token. */
const open = (address: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> =>
  project.plane.call({ method, path: address.replace(project.plane.url, ''), headers });

/** The addresses in the photos of what was answered, wherever they stand in it. */
const addressesIn = ({ text }: Answer): string[] =>
  [...text.matchAll(/"(?:url|link)":"([^"]*Binary\/[^"]*signature=[^"]*)"/g)].map(([, address = '']) => address);

/** What is stored, as somebody sees it who may not read Binaries. */
const storedPhotos = async (id: string) => {
  const { photo } = JSON.parse((await project.fhir(`Patient/${id}`, { as: outsider })).text) as {
    photo: { url: string }[];
  };
  return photo.map(({ url }) => url);
};

const asBundle = (type: string, ...entry: object[]): Call => ({
  method: 'POST',
  body: { resourceType: 'Bundle', type, entry },
});

describe('an attachment whose Binary the caller may read is shown with a signed address', () => {
  const graphql = (query: string): [string, Call] => ['$graphql', { method: 'POST', body: { query } }];
  const json = { headers: { 'content-type': 'application/json' } };
  const ways: [string, (id: string, versionId: string) => [string, Call?]][] = [
    ['a read', (id) => [`Patient/${id}`]],
    ['the read of a version', (id, versionId) => [`Patient/${id}/_history/${versionId}`]],
    ['a search', (id) => [`Patient?_id=${id}`]],
    ['a history', (id) => [`Patient/${id}/_history`]],
    ['$everything', (id) => [`Patient/${id}/$everything`]],
    ['a batch', (id) => ['', asBundle('batch', { request: { method: 'GET', url: `Patient/${id}` } })]],
    ['a transaction', (id) => ['', asBundle('transaction', { request: { method: 'GET', url: `Patient?_id=${id}` } })]],
    ['GraphQL', (id) => graphql(`{Patient(id:"${id}"){photo{link:url}}}`)],
    ['a list by GraphQL', (id) => graphql(`{PatientList(_id:"${id}"){photo{link:url}}}`)],
  ];

  test.each(ways)('in %s', async (_name, way) => {
    const { id: binary } = await upload('smile');
    const { id, meta } = await aPatientWith(binary);
    const [at, call = {}] = way(id, (meta as { versionId: string }).versionId);
    const answer = await project.fhir(at, { ...(at === '$graphql' ? json : {}), ...call, as: reader });
    const [address = '', ...others] = addressesIn(answer);
    expect([answer.status, address, others]).toEqual([
      200,
      expect.stringContaining(`${base}storage/Binary/${binary}?signature=`),
      [],
    ]);
    const content = await open(address);
    expect([content.status, content.text]).toEqual([200, 'smile']);
  });

  test('in the answers to writes', async () => {
    const { id: binary } = await upload('smile');
    const body = { resourceType: 'Patient', photo: [{ url: `Binary/${binary}` }] };
    const created = await project.fhir('Patient', { method: 'POST', body });
    const { id } = created.json;
    const updated = await project.fhir(`Patient/${id}`, { method: 'PUT', body: { ...body, id, active: true } });
    const transaction = await project.fhir(
      '',
      asBundle('transaction', { resource: body, request: { method: 'POST', url: 'Patient' } }),
    );
    for (const answer of [created, updated, transaction]) expect(addressesIn(answer)).toHaveLength(1);
  });

  test('and the upload itself answers it, for SDKs that put it into attachments', async () => {
    const { id, url } = await upload('smile');
    expect(url).toContain(`${base}storage/Binary/${id}?signature=`);
    expect((await open(url)).text).toBe('smile');
  });

  test('in the profile that auth/me tells', async () => {
    const { id: binary } = await upload('smile');
    const photo = [{ url: `Binary/${binary}` }];
    const profile = await project.store({ resourceType: 'Practitioner', name: [{ family: 'Quay' }], photo });
    const membership = await project.post('invite', {
      resourceType: 'Practitioner',
      firstName: 'Ana',
      lastName: 'Quay',
      email: 'ana@quay.example.org',
      sendEmail: false,
      membership: { profile: { reference: `Practitioner/${profile.id}` } },
    });
    const headers = { 'x-medplum-on-behalf-of': `ProjectMembership/${membership.id}` };
    const [address = ''] = addressesIn(await project.call('auth/me', { headers }));
    expect((await open(address)).text).toBe('smile');
  });

  test('on the base URL by which the request came', async () => {
    const { id } = await aPatientWith((await upload('smile')).id);
    const host = `${project.project.slug}.fhir.test`;
    const answer = await project.plane.call({
      path: `/fhir/R4/Patient/${id}`,
      host,
      headers: { authorization: `Bearer ${await project.plane.token(project.project)}` },
    });
    expect(addressesIn(answer)[0]).toContain(`http://${host}/storage/Binary/`);
  });

  test('each time, also to a client that has the version: the address in its copy expires', async () => {
    const { id } = await aPatientWith((await upload('smile')).id);
    const { headers } = await project.fhir(`Patient/${id}`);
    const again = (as?: Member) =>
      project.fhir(`Patient/${id}`, { headers: { 'if-none-match': String(headers.etag) }, ...(as ? { as } : {}) });
    expect((await again()).status).toBe(200);
    const { id: plain } = await project.store({ resourceType: 'Patient' });
    const first = await project.fhir(`Patient/${plain}`);
    const second = await project.fhir(`Patient/${plain}`, { headers: { 'if-none-match': String(first.headers.etag) } });
    expect(second.status).toBe(304);
  });
});

describe('an attachment stays as it is stored', () => {
  test('for somebody without a rule on Binary', async () => {
    const { id: binary } = await upload('smile');
    const { id } = await aPatientWith(binary);
    for (const at of [`Patient/${id}`, `Patient?_id=${id}`, `Patient/${id}/_history`]) {
      const answer = await project.fhir(at, { as: outsider });
      expect([answer.status, addressesIn(answer)]).toEqual([200, []]);
      expect(answer.text).toContain(`"url":"Binary/${binary}"`);
    }
  });

  test('for somebody who cannot read the security context, also when it is hidden, while others on the page are signed', async () => {
    const observation = await project.store({ resourceType: 'Observation', status: 'final', code: { text: 'x' } });
    const guarded = await upload('secret', { 'x-security-context': `Observation/${observation.id}` });
    const shared = await upload('smile');
    const { id } = await aPatientWith(guarded.id, shared.id, 'unknown');
    const seen = async (as?: Member) =>
      addressesIn(await project.fhir(`Patient?_id=${id}`, as ? { as } : {})).map((address) => address.split(/[/?]/)[7]);
    expect(await seen(reader)).toEqual([shared.id]);
    expect(await seen(hiding)).toEqual([shared.id]);
    expect(await seen()).toEqual([guarded.id, shared.id]);
    expect(await storedPhotos(id)).toEqual([`Binary/${guarded.id}`, `Binary/${shared.id}`, 'Binary/unknown']);
  });

  test('when the Binary is deleted', async () => {
    const { id: binary } = await upload('smile');
    const { id } = await aPatientWith(binary);
    await project.fhir(`Binary/${binary}`, { method: 'DELETE' });
    expect(addressesIn(await project.fhir(`Patient/${id}`))).toEqual([]);
  });
});

describe('a client that writes back what it read does not break the reference', () => {
  const shownAs = async (id: string) => (await project.fhir(`Patient/${id}`, { as: reader })).text;

  test('with a PUT', async () => {
    const { id: binary } = await upload('smile');
    const { id } = await aPatientWith(binary);
    const body = (await shownAs(id)).replace('"photo":', '"active":true,"photo":');
    const written = await project.fhir(`Patient/${id}`, { method: 'PUT', body });
    expect([written.status, await storedPhotos(id)]).toEqual([200, [`Binary/${binary}`]]);
  });

  test('that changes nothing: no version is made', async () => {
    const { id, meta } = await aPatientWith((await upload('smile')).id);
    const written = await project.fhir(`Patient/${id}`, { method: 'PUT', body: await shownAs(id) });
    expect(JSON.parse(written.text)).toMatchObject({ meta: { versionId: (meta as { versionId: string }).versionId } });
  });

  test('with a PATCH, whose test finds the address that was shown', async () => {
    const [one, two] = [await upload('one'), await upload('two')];
    const { id } = await aPatientWith(one.id);
    const [address] = addressesIn(await project.fhir(`Patient/${id}`));
    const body = [
      { op: 'test', path: '/photo/0/url', value: address },
      { op: 'replace', path: '/photo/0/url', value: two.url },
    ];
    const headers = { 'content-type': 'application/json-patch+json' };
    const patched = await project.fhir(`Patient/${id}`, { method: 'PATCH', body, headers });
    expect([patched.status, await storedPhotos(id)]).toEqual([200, [`Binary/${two.id}`]]);
  });

  test('in a transaction, and with the address of the FHIR API', async () => {
    const { id: binary, url } = await upload('smile');
    const resource = { resourceType: 'Patient', photo: [{ url }, { url: `${base}fhir/R4/Binary/${binary}` }] };
    const bundle = asBundle('transaction', { resource, request: { method: 'POST', url: 'Patient' } });
    const { entry } = (await project.fhir('', bundle)).json;
    expect(await storedPhotos(entry[0]?.resource.id ?? '')).toEqual([`Binary/${binary}`, `Binary/${binary}`]);
  });
});

describe('a signed address', () => {
  test('gives the content out safely, in parts too, and to HEAD', async () => {
    const { url } = await upload('<b>smile</b>', { 'content-type': 'text/html' });
    const whole = await open(url);
    expect(whole.headers).toMatchObject({
      'content-type': 'text/html',
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
    const part = await open(url, 'GET', { range: 'bytes=3-7' });
    expect([part.status, part.text]).toEqual([206, 'smile']);
    const head = await open(url, 'HEAD');
    expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '12', '']);
    const known = await open(url, 'GET', { 'if-none-match': String(whole.headers.etag) });
    expect(known.status).toBe(304);
  });

  test('is 401 when it is not signed, or for another Binary or project', async () => {
    const [one, two] = [await upload('one'), await upload('two')];
    const other = await project.plane.createProject('south');
    const [path_ = '', signature = ''] = one.url.split('?');
    const addresses = [
      path_,
      `${path_}?signature=`,
      `${path_}?${signature}x`,
      `${path_}?${signature}&${signature}`,
      one.url.replace(one.id, two.id),
      one.url.replace(project.project.path, other.path),
    ];
    for (const address of addresses) {
      const answer = await open(address);
      expect([address, answer.status, answer.json.issue[0]?.code]).toEqual([address, 401, 'login']);
    }
  });

  test('is 410 when it has expired', async () => {
    const { id, meta } = await upload('smile');
    const { fileKey } = projectKeys(project.project.dataKey);
    const content = { id, versionId: meta.versionId, agent: 'Practitioner/1' };
    const links = new StorageLinks(project.project.id, fileKey);
    const at = (hoursAgo: number) => open(base + links.addressOf(content, new Date(Date.now() - hoursAgo * 3_600_000)));
    expect((await at(0)).status).toBe(200);
    const expired = await at(1);
    expect([expired.status, expired.json.issue[0]?.code]).toEqual([410, 'expired']);
  });

  test('leads to the version that was shown, until the Binary is deleted', async () => {
    const { id, url } = await upload('before');
    const after = await upload('after', {}, id);
    expect([(await open(url)).text, (await open(after.url)).text]).toEqual(['before', 'after']);
    await project.fhir(`Binary/${id}`, { method: 'DELETE' });
    for (const address of [url, after.url]) expect((await open(address)).status).toBe(410);
  });

  test('leads nowhere once the security context is gone', async () => {
    const patient = await project.store({ resourceType: 'Patient' });
    const { url } = await upload('smile', { 'x-security-context': `Patient/${patient.id}` });
    expect((await open(url)).status).toBe(200);
    await project.fhir(`Patient/${patient.id}`, { method: 'DELETE' });
    expect((await open(url)).status).toBe(403);
  });

  test('leaves its use in the audit, with the one whom it was given to', async () => {
    const { id: binary } = await upload('smile');
    const { id } = await aPatientWith(binary);
    const [address = ''] = addressesIn(await project.fhir(`Patient/${id}`, { as: reader }));
    await open(address);
    // It is there when the answer is (AUDIT_READS=strict).
    const query = `AuditEvent?entity=Binary/${binary}&agent=ClientApplication/${reader.clientId}`;
    const events = await project.found(query);
    expect(JSON.stringify(events)).toContain('by a signed address');
  });
});

describe('the sweeper', () => {
  const dayAndMore = () => new Date(Date.now() + 25 * 3_600_000);
  const area = () => path.join(dataDir, 'files', project.project.id);
  const names = () =>
    readdirSync(area(), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? entry.name : [],
    );

  /** The project's files and database as the data plane has them, or with another key. */
  async function withProject<T>(
    work: (parts: { binaryContents: BinaryContents; database: ReturnType<typeof tenantDatabase> }) => Promise<T>,
    dataKey = project.project.dataKey,
  ): Promise<T> {
    const keys = projectKeys(dataKey);
    const connection: Connection & { close(): Promise<void> } = await connectOnce(project.project.tenantUrl);
    const storage = await LocalFileStorage.open(path.join(dataDir, 'files'));
    try {
      return await work({
        binaryContents: new BinaryContents(storage, project.project.id, keys.fileKey),
        database: tenantDatabase({
          projectId: project.project.id,
          version: fhirVersion('4.0.1'),
          hasher: tokenHasher(keys.searchKey),
          cursorKey: keys.cursorKey,
          schemaVersion: TENANT_SCHEMA_VERSION,
          use: (statements) => statements(connection),
        }),
      });
    } finally {
      await connection.close();
    }
  }

  const content = async function* () {
    yield Buffer.from('nobody names this');
  };

  test('removes what no version of a Binary names, once it is a day old, and nothing else', async () => {
    const { id, url } = await upload('current');
    const superseded = await upload('superseded');
    await upload('replaced', {}, superseded.id);
    const deleted = await upload('deleted');
    await project.fhir(`Binary/${deleted.id}`, { method: 'DELETE' });
    const before = names().sort();

    await withProject(async (parts) => {
      const orphan = await parts.binaryContents.put(content());
      expect(await sweepFiles(parts, { now: new Date() })).toEqual({ removed: 0 });
      expect(names()).toContain(orphan.file);
      expect(await sweepFiles(parts, { now: dayAndMore() })).toEqual({ removed: 1 });
    });
    expect(names().sort()).toEqual(before);
    expect((await open(url)).text).toBe('current');
    expect((await open(superseded.url)).text).toBe('superseded');
    const version = await project.fhir(`Binary/${id}`, { headers: { accept: '*/*' } });
    expect(version.text).toBe('current');
  });

  test('looks at a bounded number of files and goes on where it stopped', async () => {
    await withProject(async (parts) => {
      for (let each = 0; each < 3; each++) await parts.binaryContents.put(content());
      const before = names().length;
      let removed = 0;
      let next: string | undefined;
      let runs = 0;
      do {
        const result: SweepResult = await sweepFiles(parts, {
          now: dayAndMore(),
          maxFiles: 4,
          ...(next === undefined ? {} : { after: next }),
        });
        removed += result.removed;
        next = result.next;
        runs++;
      } while (next !== undefined);
      expect([removed, names().length]).toEqual([3, before - 3]);
      expect(runs).toBeGreaterThan(1);
    });
  });

  test('takes the age of a file from when its content was complete', async () => {
    await withProject(async (parts) => {
      const { file } = await parts.binaryContents.put(content());
      const dayAgo = new Date(Date.now() - 25 * 3_600_000);
      utimesSync(path.join(area(), file.slice(-2), file), dayAgo, dayAgo);
      expect(await sweepFiles(parts, { now: new Date() })).toEqual({ removed: 1 });
    });
  });

  test('comes to a project within an hour of its use, and then once a day', async () => {
    await withProject(async ({ binaryContents, database }) => {
      const { id: projectId, slug, dataKey } = project.project;
      const entry = {
        projectId,
        slug,
        name: slug,
        state: 'active',
        fhirVersion: '4.0.1',
        baseUrls: [],
        signingKeys: [],
      };
      const logger = createLogger(project.plane.config, 'data-plane');
      const links = new StorageLinks(projectId, projectKeys(dataKey).fileKey);
      const runtime = new TenantRuntime(
        new ServedEntry(entry as TenantEntry),
        database,
        binaryContents,
        links,
        logger,
        dataKey,
      );
      let now = dayAndMore();
      const later = (hours: number) => (now = new Date(now.getTime() + hours * 3_600_000));
      const live = () => [Promise.resolve(runtime), Promise.reject(new Error('this one could not be opened'))];
      const sweeps = new FileSweeps({ runtimes: { live }, clock: { now: () => now }, logger, random: () => 0.5 });
      const sweptWith = async (file: string) => {
        await sweeps.sweepDue();
        return !names().includes(file);
      };

      const first = await binaryContents.put(content());
      expect(await sweptWith(first.file)).toBe(false);
      later(0.5);
      expect(await sweptWith(first.file)).toBe(true);
      const second = await binaryContents.put(content());
      later(23);
      expect(await sweptWith(second.file)).toBe(false);
      later(1);
      expect(await sweptWith(second.file)).toBe(true);

      const third = await binaryContents.put(content());
      later(24);
      await sweeps.close();
      expect(await sweptWith(third.file)).toBe(false);
      await binaryContents.discard(third);
    });
  });

  test('removes nothing when its keys do not fit what the Binaries name', async () => {
    await upload('current');
    const before = names().length;
    await withProject(async (parts) => {
      await expect(sweepFiles(parts, { now: dayAndMore() })).rejects.toThrow('with the keys of the project');
    }, randomBytes(32));
    expect(names()).toHaveLength(before);
  });
});
