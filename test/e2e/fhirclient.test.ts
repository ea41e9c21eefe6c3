/** fhirclient (the SMART JavaScript library), unmodified, in a server that holds a client's token. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
  request<T>(path: string, options?: { pageLimit?: number; flat?: boolean; resolveReferences?: string }): Promise<T>;
}

const require = createRequire(import.meta.url);
const fhirclient = require('fhirclient') as (
  request: IncomingMessage,
  response: ServerResponse,
) => { client(state: { serverUrl: string; tokenResponse: { access_token: string } }): SmartClient };

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
