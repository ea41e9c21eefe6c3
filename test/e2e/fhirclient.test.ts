/**
 * fhirclient (the SMART JavaScript library), unmodified: in a server that holds a client's token, and in the server of an app
 * that is launched from an EHR.
 */
import type { Bundle, Observation, Patient } from 'fhir/r4.js';
import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';

/**
 * What is used of the library. Its own types would bring those of the browser with them, which differ from Node's in
 * the whole project.
 */
interface SmartClient {
  getFhirVersion(): Promise<string>;
  getFhirRelease(): Promise<number>;
  create<T>(resource: object): Promise<T>;
  update<T>(resource: object): Promise<T>;
  patch<T>(path: string, patch: readonly object[]): Promise<T>;
  delete(path: string): Promise<unknown>;
  readonly patient: { readonly id: string | null; read<T>(): Promise<T> };
  readonly encounter: { readonly id: string | null };
  request<T>(path: string, options?: { pageLimit?: number; flat?: boolean; resolveReferences?: string }): Promise<T>;
}

const require = createRequire(import.meta.url);
const fhirclient = require('fhirclient') as (
  request: IncomingMessage,
  response: ServerResponse,
) => {
  client(state: { serverUrl: string; tokenResponse: { access_token: string } }): SmartClient;
  authorize(options: { clientId: string; scope: string; redirectUri: string }): Promise<unknown>;
  ready(): Promise<SmartClient>;
};

let platform: RunningPlatform;
let project: CreatedProject;
let client: SmartClient;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('smart-clinic');
  // The library wants the request that its own server is answering; a back-end service has none, so it is an empty one.
  const request = new IncomingMessage(new Socket());
  client = fhirclient(request, new ServerResponse(request)).client({
    serverUrl: `${project.baseUrl}fhir/R4`,
    tokenResponse: { access_token: await platform.clientToken(project) },
  });
}, 120_000);

afterAll(() => platform?.stop());

describe('a SMART back-end service', () => {
  test('finds the token endpoint and the supported way of authentication', async () => {
    const answer = await fetch(`${project.baseUrl}fhir/R4/.well-known/smart-configuration`);
    expect(await answer.json()).toMatchObject({
      token_endpoint: `${project.baseUrl}oauth2/token`,
      grant_types_supported: expect.arrayContaining(['client_credentials']),
    });
  });

  test('knows the version of FHIR', async () => {
    expect(await client.getFhirVersion()).toBe('4.0.1');
    expect(await client.getFhirRelease()).toBe(4);
  });

  test('creates, reads, updates, patches and deletes', async () => {
    const created = await client.create<Patient>({
      resourceType: 'Patient',
      name: [{ family: 'Smart' }],
    });
    const path = `Patient/${created.id}`;
    expect(await client.request<Patient>(path)).toEqual(created);
    const updated = await client.update<Patient>({ ...created, active: true });
    expect(updated).toMatchObject({ id: created.id, active: true });
    const patched = await client.patch<Patient>(path, [{ op: 'replace', path: '/active', value: false }]);
    expect(patched).toMatchObject({ id: created.id, active: false });
    await client.delete(path);
    await expect(client.request(path)).rejects.toMatchObject({ status: 410 });
  });

  test('gathers all pages, and resolves references within them', async () => {
    const patient = await client.create<Patient>({ resourceType: 'Patient', name: [{ family: 'Graph' }] });
    const subject = { reference: `Patient/${patient.id}` };
    for (const text of ['one', 'two', 'three']) {
      await client.create({ resourceType: 'Observation', status: 'final', code: { text }, subject });
    }
    const search = `Observation?subject=Patient/${patient.id}&_count=2`;
    const observations = await client.request<Observation[]>(search, { pageLimit: 0, flat: true });
    expect(observations.map(({ code }) => code.text)).toEqual(['one', 'two', 'three']);

    const withSubjects = await client.request<Bundle<Observation>>(search, {
      resolveReferences: 'subject',
    });
    expect(withSubjects.entry?.map(({ resource }) => resource?.subject)).toEqual([patient, patient]);
  });

  test('hears why something was refused', async () => {
    const refused = client.create({ resourceType: 'Patient', gender: 'unsaid' });
    await expect(refused).rejects.toMatchObject({ status: 400, message: expect.stringContaining('gender') });
  });
});

describe('an app that a clinician launches from an EHR', () => {
  const app = 'https://app.example.org/';
  const person = { email: 'ana@smart.example', password: 'a-password-of-ana' };
  const session = {};
  let headers: Record<string, string>;
  let clientId: string;
  let launched: Patient;
  let encounter: { id?: string };
  let own: Observation;

  /** A request to the app's own server, which keeps what fhirclient stores, and what is answered. */
  function visit(path: string) {
    const request = Object.assign(new IncomingMessage(new Socket()), { url: path, session });
    Object.assign(request.headers, { host: new URL(app).host, 'x-forwarded-proto': 'https' });
    const answered: { location?: string } = {};
    const response = new ServerResponse(request);
    Object.assign(response, {
      writeHead: (_: number, { location }: { location: string }) => Object.assign(answered, { location }),
      end: () => response,
    });
    return { smart: fhirclient(request, response), answered };
  }

  async function post<T>(path: string, body: object): Promise<T> {
    const answer = await fetch(`${project.baseUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** What the browser does: opens the page that the app leads to, fills it in, and goes where that leads. */
  async function signIn(address: string): Promise<URL> {
    const page = await fetch(address);
    const html = await page.text();
    const fields = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']): [string, string] => [name, value.replaceAll('&amp;', '&')],
    );
    const answer = await fetch(new URL('authorize', address), {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams([...fields, ...Object.entries(person)]).toString(),
      redirect: 'manual',
    });
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`${answer.status} ${await answer.text()}`);
    return new URL(location);
  }

  const launchOf = (patient: string | undefined, more: object = {}) =>
    post<{ id: string }>('fhir/R4/SmartAppLaunch', {
      resourceType: 'SmartAppLaunch',
      patient: { reference: `Patient/${patient}` },
      ...more,
    });
  const launchPath = (id: string) =>
    `/launch?iss=${encodeURIComponent(`${project.baseUrl}fhir/R4`)}&launch=${encodeURIComponent(id)}`;
  const options = () => ({ clientId, redirectUri: app, scope: 'openid fhirUser launch patient/*.rs' });

  beforeAll(async () => {
    const authorization = `Bearer ${await platform.clientToken(project)}`;
    headers = { authorization, 'content-type': 'application/fhir+json' };
    const registered = { name: 'Charts', redirectUris: [app] };
    clientId = (await post<{ id: string }>(`admin/projects/${project.id}/client`, registered)).id;
    const policy = await client.create<{ id: string }>({
      resourceType: 'AccessPolicy',
      resource: [
        { resourceType: 'Patient', criteria: 'Patient?active=true', hiddenFields: ['birthDate'] },
        { resourceType: 'Observation', readonly: true },
        { resourceType: 'Encounter', readonly: true },
      ],
    });
    await post(`admin/projects/${project.id}/invite`, {
      ...{ resourceType: 'Practitioner', firstName: 'Ana', lastName: 'Quay', sendEmail: false, ...person },
      membership: { access: [{ policy: { reference: `AccessPolicy/${policy.id}` } }] },
    });
    launched = await client.create<Patient>({ resourceType: 'Patient', active: true, birthDate: '1970-01-01' });
    const subject = { reference: `Patient/${launched.id}` };
    encounter = await client.create({
      resourceType: 'Encounter',
      status: 'in-progress',
      class: { code: 'AMB' },
      subject,
    });
    own = await client.create<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'own' },
      subject,
    });
    const another = await client.create<Patient>({ resourceType: 'Patient', active: true });
    await client.create({
      ...{ resourceType: 'Observation', status: 'final', code: { text: 'not theirs' } },
      subject: { reference: `Patient/${another.id}` },
    });
  });

  test('is in the chart of the patient for whom it was launched, and sees that chart alone', async () => {
    const { id } = await launchOf(launched.id, { encounter: { reference: `Encounter/${encounter.id}` } });
    const { smart, answered } = visit(launchPath(id));
    await smart.authorize(options());
    const back = await signIn(answered.location ?? '');
    const opened = await visit(back.pathname + back.search).smart.ready();
    expect([opened.patient.id, opened.encounter.id]).toEqual([launched.id, encounter.id]);
    const patient = await opened.patient.read<Patient>();
    expect([patient.id, patient.birthDate]).toEqual([launched.id, undefined]);
    const found = await opened.request<Observation[]>('Observation', { flat: true });
    expect(found.map((observation) => observation.id)).toEqual([own.id]);
    const written = opened.create({ resourceType: 'Observation', status: 'final', code: { text: 'x' } });
    await expect(written).rejects.toMatchObject({ status: 403 });
  });

  test('is told so when there is no such launch, and its user when they may not see the patient', async () => {
    const { smart, answered } = visit(launchPath('no-such-launch'));
    await smart.authorize(options());
    const refused = await fetch(answered.location ?? '', { redirect: 'manual' });
    const { searchParams } = new URL(refused.headers.get('location') ?? '');
    expect(searchParams.get('error')).toBe('invalid_request');

    const unseen = await client.create<Patient>({ resourceType: 'Patient', active: false });
    const next = visit(launchPath((await launchOf(unseen.id)).id));
    await next.smart.authorize(options());
    await expect(signIn(next.answered.location ?? '')).rejects.toThrow(/400 .*may not see/s);
  });
});
