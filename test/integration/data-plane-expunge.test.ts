/** `$expunge` through a whole data plane. */
import type { JsonObject } from '#fhir';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;
let other: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  [project, other] = [await plane.createProject('expunge'), await plane.createProject('expunge-other')];
});

afterAll(() => plane?.close());

const post = (path: string, body?: unknown, headers: Record<string, string> = {}, of = project): Promise<Answer> =>
  plane.fhir(of, path, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }), headers });
const make = async (resource: JsonObject, of = project): Promise<string> =>
  `${resource.resourceType as string}/${(await post(resource.resourceType as string, resource, {}, of)).json.id}`;
const statusOf = async (path: string, of = project) => (await plane.fhir(of, path)).status;

/** The header of somebody who may do everything in the project and is no administrator of it. */
async function aMember(): Promise<Record<string, string>> {
  const authorization = `Bearer ${await plane.token(project)}`;
  const made = await plane.call({
    method: 'POST',
    path: `${project.path}admin/projects/${project.id}/client`,
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Member' }),
  });
  const { id, secret } = JSON.parse(made.text) as { id: string; secret: string };
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}

describe('$expunge', () => {
  // What MedplumClient sends without a body, with an empty one, and as the standard has it.
  test.each([
    ['no body', undefined],
    ['an empty object', {}],
    ['Parameters', { resourceType: 'Parameters', parameter: [{ name: 'everything', valueBoolean: false }] }],
  ])('with %s removes the resource: it was never there', async (_, body) => {
    const patient = await make({ resourceType: 'Patient' });
    const answer = await post(`${patient}/$expunge`, body);
    expect([answer.status, answer.json.resourceType, answer.json.id]).toEqual([200, 'OperationOutcome', 'ok']);
    for (const path of [patient, `${patient}/_history`, `${patient}/_history/1`])
      expect(await statusOf(path)).toBe(404);
    expect((await plane.fhir(project, `Patient?_id=${patient.split('/')[1]}`)).json.entry).toBeUndefined();
    expect((await post(`${patient}/$expunge`)).status).toBe(404);
  });

  test('with everything=true takes the chart along, and tells how many resources that were', async () => {
    const patient = await make({ resourceType: 'Patient' });
    const subject = { reference: patient };
    const observation = await make({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject });
    const answer = await post(`${patient}/$expunge?everything=true`);
    expect([answer.status, answer.json.issue[0]?.details.text]).toEqual([200, '2 resources were expunged']);
    expect([await statusOf(patient), await statusOf(observation)]).toEqual([404, 404]);
    const events = await plane.fhir(project, `AuditEvent?entity=${patient}&_sort=-date`);
    expect(events.text).toContain('expunged with all versions');
  });

  test('is for administrators of the project, of resources of the project', async () => {
    const patient = await make({ resourceType: 'Patient' });
    const member = await aMember();
    for (const path of [patient, 'Patient/nobody', `Project/${project.id}`]) {
      expect((await post(`${path}/$expunge`, undefined, member)).status).toBe(403);
    }
    expect((await post(`${patient}/$expunge`, undefined, {}, other)).status).toBe(404);
    expect(await statusOf(patient)).toBe(200);
    expect((await post(`Project/${project.id}/$expunge`)).status).toBe(403);
    const { entry } = (await plane.fhir(project, `ProjectMembership?profile=ClientApplication/${project.clientId}`))
      .json;
    expect((await post(`ProjectMembership/${entry[0]?.resource.id}/$expunge`)).status).toBe(403);
  });

  test('answers 400 for what it does not understand', async () => {
    const patient = await make({ resourceType: 'Patient' });
    for (const query of ['everything=perhaps', 'all=true', 'everything=true&everything=true']) {
      expect([query, (await post(`${patient}/$expunge?${query}`)).status]).toEqual([query, 400]);
    }
    expect(
      (await post(`${await make({ resourceType: 'Basic', code: { text: 'x' } })}/$expunge?everything=true`)).status,
    ).toBe(400);
    expect(await statusOf(patient)).toBe(200);
  });

  test('ends the signed addresses of a file', async () => {
    const file = await plane.fhir(project, 'Binary', {
      method: 'POST',
      body: 'content',
      headers: { 'content-type': 'text/plain' },
    });
    const photo = [{ contentType: 'text/plain', url: `Binary/${file.json.id}` }];
    const patient = await plane.fhir(project, 'Patient', {
      method: 'POST',
      body: JSON.stringify({ resourceType: 'Patient', photo }),
    });
    const { url = '' } = (patient.json as unknown as { photo: { url: string }[] }).photo[0] ?? {};
    const address = new URL(url);
    const download = () => plane.call({ path: address.pathname + address.search });
    expect((await download()).status).toBe(200);
    expect((await post(`Binary/${file.json.id}/$expunge`)).status).toBe(200);
    expect((await download()).status).toBe(404);
  });

  test('can be called in a batch, and the CapabilityStatement names it', async () => {
    const patient = await make({ resourceType: 'Patient' });
    const entry = [{ request: { method: 'POST', url: `${patient}/$expunge` } }];
    const answer = await post('', { resourceType: 'Bundle', type: 'batch', entry });
    expect(answer.json.entry[0]?.response.status).toMatch(/^200/);
    expect(await statusOf(patient)).toBe(404);
    expect((await plane.fhir(project, 'metadata')).text).toContain('urn:boxyard:operation-definition:Resource-expunge');
  });
});
