/** Accounts and `$set-accounts` through a whole data plane. */
import type { JsonObject } from '#fhir';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let project: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('accounts');
});

afterAll(() => plane?.close());

const extended = { 'x-medplum': 'extended' };
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { headers });
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  plane.fhir(project, path, { method: 'POST', body: JSON.stringify(body), headers });

const filedUnder = (...names: string[]) => ({ accounts: names.map((name) => ({ reference: `Organization/${name}` })) });
const metaOf = ({ json }: Answer) => json.meta as JsonObject;
const parameters = (propagate: boolean | undefined, ...names: string[]) => ({
  resourceType: 'Parameters',
  parameter: [
    ...names.map((name) => ({ name: 'accounts', valueReference: { reference: `Organization/${name}` } })),
    ...(propagate === undefined ? [] : [{ name: 'propagate', valueBoolean: propagate }]),
  ],
});

const aPatient = { resourceType: 'Patient' };

async function aChart(): Promise<{ patient: string; observation: string }> {
  const patient = `Patient/${(await post('Patient', { resourceType: 'Patient', meta: filedUnder('a') }, extended)).json.id}`;
  const subject = { reference: patient };
  const sent = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject };
  return { patient, observation: `Observation/${(await post('Observation', sent)).json.id}` };
}

describe('accounts', () => {
  test('count from an admin in extended mode, and are shown with and without it', async () => {
    const sent = { resourceType: 'Patient', meta: filedUnder('a', 'b') };
    const made = await post('Patient', sent, extended);
    expect(metaOf(made)).toMatchObject({ ...filedUnder('a', 'b'), account: { reference: 'Organization/a' } });
    const plain = await get(`Patient/${made.json.id}`);
    expect(metaOf(plain)).toMatchObject(filedUnder('a', 'b'));
    expect(Object.keys(metaOf(plain)).sort()).toEqual(['accounts', 'lastUpdated', 'versionId']);
    expect(metaOf(await get(`Patient/${made.json.id}`, extended)).compartment).toEqual([
      { reference: 'Organization/a' },
      { reference: 'Organization/b' },
      { reference: `Patient/${made.json.id}` },
    ]);
    expect(metaOf(await post('Patient', sent))).not.toHaveProperty('accounts');
  });

  test('can be named by the parameter _account of a create', async () => {
    const made = await post('Patient?_account=Organization/a', { resourceType: 'Patient' });
    expect([made.status, metaOf(made)]).toEqual([201, expect.objectContaining(filedUnder('a'))]);
    expect((await post('Patient?_account=nonsense', { resourceType: 'Patient' })).status).toBe(400);
  });

  test.each(['batch', 'transaction'])('can be named by the parameter _account of a create in a %s', async (type) => {
    const { patient } = await aChart();
    const subject = { reference: patient };
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject };
    const entry = [
      { request: { method: 'POST', url: 'Patient?_account=Organization/b,Organization/c' }, resource: aPatient },
      { request: { method: 'POST', url: 'Observation?_account=Organization/d' }, resource: observation },
      { request: { method: 'POST', url: 'Observation' }, resource: observation },
    ];
    const { status, json } = await post('', { resourceType: 'Bundle', type, entry });
    expect(status).toBe(200);
    const metas = json.entry.map(({ resource }) => resource?.meta);
    expect(metas).toMatchObject([filedUnder('b', 'c'), filedUnder('d'), filedUnder('a')]);
    const wrong = [{ request: { method: 'POST', url: 'Patient?_account=nonsense' }, resource: aPatient }];
    const refused = await post('', { resourceType: 'Bundle', type, entry: wrong });
    expect(type === 'batch' ? refused.json.entry[0]?.response.status : String(refused.status)).toMatch(/^400/);
  });

  test('named by a member count for nothing', async () => {
    const entry = [{ request: { method: 'POST', url: 'Patient?_account=Organization/b' }, resource: aPatient }];
    const member = await aMemberClient();
    const { json } = await post('', { resourceType: 'Bundle', type: 'transaction', entry }, member);
    expect(json.entry[0]?.resource?.meta).not.toHaveProperty('accounts');
  });

  test('are what _compartment finds', async () => {
    const { patient, observation } = await aChart();
    const found = await get(`Observation?_compartment=${patient}`);
    expect(found.json.entry.map(({ resource: { id } }) => `Observation/${id}`)).toEqual([observation]);
  });
});

describe('$set-accounts', () => {
  test('answers how many resources were updated, the target among them', async () => {
    const { patient, observation } = await aChart();
    const answer = await post(`${patient}/$set-accounts`, parameters(true, 'b', 'c'));
    expect([answer.status, answer.json]).toEqual([
      200,
      { resourceType: 'Parameters', parameter: [{ name: 'resourcesUpdated', valueInteger: 2 }] },
    ]);
    for (const path of [patient, observation]) expect(metaOf(await get(path))).toMatchObject(filedUnder('b', 'c'));
  });

  test('without accounts takes all of them away, and without propagate those of the target alone', async () => {
    const { patient, observation } = await aChart();
    const answer = await post(`${patient}/$set-accounts`, parameters(undefined));
    expect(answer.json).toMatchObject({ parameter: [{ valueInteger: 1 }] });
    expect(metaOf(await get(patient))).not.toHaveProperty('accounts');
    expect(metaOf(await get(observation))).toMatchObject(filedUnder('a'));
  });

  test('answers when all is done to who does not mind waiting', async () => {
    const { patient, observation } = await aChart();
    const answer = await post(`${patient}/$set-accounts`, parameters(true, 'b'), { prefer: 'wait=10' });
    expect([answer.status, answer.json]).toMatchObject([200, { parameter: [{ valueInteger: 2 }] }]);
    expect(answer.headers['preference-applied']).toBeUndefined();
    expect(metaOf(await get(observation))).toMatchObject(filedUnder('b'));
  });

  test('answers 400 for other parameters and values, and 404 for what is not there', async () => {
    const { patient } = await aChart();
    const bad = [
      { name: 'accounts', valueString: 'Organization/b' },
      { name: 'accounts', valueReference: { reference: 'nonsense' } },
      { name: 'propagate', valueString: 'maybe' },
      { name: 'other', valueString: 'x' },
    ];
    for (const parameter of bad) {
      const answer = await post(`${patient}/$set-accounts`, { resourceType: 'Parameters', parameter: [parameter] });
      expect([parameter, answer.status]).toEqual([parameter, 400]);
    }
    expect((await post('Patient/nobody/$set-accounts', parameters(true, 'b'))).status).toBe(404);
    expect((await post('Nonsense/1/$set-accounts', parameters(true, 'b'))).status).toBe(404);
    expect(metaOf(await get(patient))).toMatchObject(filedUnder('a'));
  });

  test('is for project admins: other members are answered 403, also for what is not there', async () => {
    const { patient } = await aChart();
    const member = await aMemberClient();
    for (const path of [patient, 'Patient/nobody']) {
      const answer = await post(`${path}/$set-accounts`, parameters(true, 'b'), member);
      expect([answer.status, answer.json.id]).toEqual([403, 'forbidden']);
    }
    expect(metaOf(await get(patient))).toMatchObject(filedUnder('a'));
  });

  test('can be called in a batch', async () => {
    const { patient } = await aChart();
    const entry = [{ resource: parameters(true, 'b'), request: { method: 'POST', url: `${patient}/$set-accounts` } }];
    const answer = await post('', { resourceType: 'Bundle', type: 'batch', entry });
    expect(answer.json.entry[0]?.response.status).toMatch(/^200/);
    expect(metaOf(await get(patient))).toMatchObject(filedUnder('b'));
  });

  test('has an OperationDefinition, which the CapabilityStatement names at every type', async () => {
    const url = 'urn:boxyard:operation-definition:Resource-set-accounts';
    const found = await get(`OperationDefinition?url=${url}`);
    expect(found.json.entry[0]?.resource).toMatchObject({ code: 'set-accounts', instance: true, affectsState: true });
    const { rest } = (await get('metadata')).json as unknown as {
      rest: { resource: { type: string; operation?: JsonObject[] }[] }[];
    };
    const types = rest[0]?.resource.filter(({ operation = [] }) =>
      operation.some(({ definition }) => definition === url),
    );
    expect(types?.length).toBe(rest[0]?.resource.length);
  });
});

/** The headers of a client without admin rights. */
async function aMemberClient(): Promise<Record<string, string>> {
  const answer = await plane.call({
    method: 'POST',
    path: `${project.path}admin/projects/${project.id}/client`,
    headers: { authorization: `Bearer ${await plane.token(project)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Member' }),
  });
  if (answer.status !== 201) throw new Error(answer.text);
  const { id, secret } = answer.json as unknown as { id: string; secret: string };
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}
