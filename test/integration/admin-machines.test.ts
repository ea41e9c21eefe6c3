import { randomUUID } from 'node:crypto';
import { connectOnce, sql } from '#postgres';
import { type AdministeredProject, aProjectWithAdmin, anAdministeredProject, type Stored } from './admin.fixture.js';

let north: AdministeredProject;

beforeAll(async () => {
  north = await aProjectWithAdmin();
});

afterAll(() => north?.plane.close());

const membershipOf = async (reference: string): Promise<Stored | undefined> =>
  (await north.found(`ProjectMembership?user=${reference}`))[0];

async function logIn(clientId: unknown, secret: unknown): Promise<number> {
  const answer = await north.plane.call({
    method: 'POST',
    path: `${north.project.path}oauth2/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: String(clientId),
      client_secret: String(secret),
    }).toString(),
  });
  return answer.status;
}

describe('a client', () => {
  test('is made with a secret that is shown once, and with a membership of its own', async () => {
    const policy = await north.store({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
    const accessPolicy = { reference: `AccessPolicy/${policy.id}` };
    const client = await north.post(
      'client',
      {
        name: 'Partner',
        description: '',
        redirectUris: ['https://app.example.org/'],
        accessTokenLifetime: '10m',
        accessPolicy,
      },
      201,
    );
    expect(client).toMatchObject({
      resourceType: 'ClientApplication',
      name: 'Partner',
      redirectUris: ['https://app.example.org/'],
      accessTokenLifetime: '10m',
      secret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    const reference = `ClientApplication/${client.id}`;
    expect(await membershipOf(reference)).toMatchObject({ user: { reference }, profile: { reference }, accessPolicy });
    expect((await membershipOf(reference))?.admin).toBeUndefined();
    for (const path of [reference, `${reference}/_history`, 'ClientApplication']) {
      expect((await north.fhir(path)).text).not.toContain(client.secret);
    }
    expect(await logIn(client.id, client.secret)).toBe(200);
  });

  test('needs a name, and a policy that exists', async () => {
    await north.post('client', {}, 400);
    await north.post('client', { name: 'X', accessPolicy: { reference: `AccessPolicy/${randomUUID()}` } }, 400);
    await north.post('client', { name: 'X', accessTokenLifetime: 'long' }, 400);
    expect(await north.found('ClientApplication?name:exact=X')).toEqual([]);
  });

  test('keeps its secret when it is written without one', async () => {
    const { secret, ...client } = await north.post('client', { name: 'Kept' }, 201);
    const reference = `ClientApplication/${client.id}`;
    const answer = await north.fhir(reference, { method: 'PUT', body: { ...client, name: 'Renamed' } });
    expect(answer.status).toBe(200);
    expect(await logIn(client.id, secret)).toBe(200);
  });
});

describe('$rotate-secret', () => {
  const rotate = (id: unknown, parameter?: object[], as?: { authorization: string }) =>
    north.fhir(`ClientApplication/${String(id)}/$rotate-secret`, {
      method: 'POST',
      ...(parameter === undefined ? {} : { body: { resourceType: 'Parameters', parameter } }),
      ...(as === undefined ? {} : { as }),
    });
  const named = (name: string, valueString: unknown) => [{ name, valueString }];

  test('shows a new secret once; the one before stays good until it is ended or the next rotation', async () => {
    const client = await north.post('client', { name: 'Rotated' }, 201);
    const first = await rotate(client.id);
    expect([first.status, first.json.resourceType, first.json.id]).toEqual([200, 'ClientApplication', client.id]);
    const { secret } = JSON.parse(first.text) as Stored;
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect([await logIn(client.id, client.secret), await logIn(client.id, secret)]).toEqual([200, 200]);
    expect((await north.fhir(`ClientApplication/${client.id}`)).text).not.toContain(secret);

    expect((await rotate(client.id, named('retiringSecret', client.secret))).status).toBe(200);
    expect([await logIn(client.id, client.secret), await logIn(client.id, secret)]).toEqual([400, 200]);

    const second = JSON.parse((await rotate(client.id, named('secret', secret))).text) as Stored;
    const third = JSON.parse((await rotate(client.id)).text) as Stored;
    expect(await logIn(client.id, secret)).toBe(400);
    expect([await logIn(client.id, second.secret), await logIn(client.id, third.secret)]).toEqual([200, 200]);
  });

  test('ends what was opened with a secret that is good no longer', async () => {
    const client = await north.post('client', { name: 'Basic' }, 201);
    const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret ?? ''}`).toString('base64')}`;
    expect((await north.fhir('Patient', { as: { authorization } })).status).toBe(200);
    await rotate(client.id);
    await rotate(client.id, named('retiringSecret', client.secret));
    expect((await north.fhir('Patient', { as: { authorization } })).status).toBe(401);
  });

  test('refuses a secret that is not the one, and changes nothing', async () => {
    const client = await north.post('client', { name: 'Guarded' }, 201);
    for (const name of ['secret', 'retiringSecret']) {
      expect((await rotate(client.id, named(name, 'wrong'))).status).toBe(400);
    }
    expect((await rotate(client.id, [...named('secret', 'a'), ...named('retiringSecret', 'b')])).status).toBe(400);
    expect((await rotate(client.id, named('other', 'x'))).status).toBe(400);
    expect(await logIn(client.id, client.secret)).toBe(200);
  });

  test('is for project admins, and for clients of their own project', async () => {
    const member = await north.member('Guest');
    expect((await rotate(member.clientId, undefined, member)).status).toBe(403);
    const south = await anAdministeredProject(north.plane, await north.plane.createProject('south'));
    const foreign = await south.post('client', { name: 'Foreign' }, 201);
    expect((await rotate(foreign.id)).status).toBe(404);
    expect((await rotate('%00')).status).toBe(404);
    const gone = await north.post('client', { name: 'Gone' }, 201);
    await north.fhir(`ClientApplication/${gone.id}`, { method: 'DELETE' });
    expect((await rotate(gone.id)).status).toBe(410);
  });
});

describe('a bot', () => {
  test('is made with a membership of its own', async () => {
    const bot = await north.post('bot', { name: 'Sweeper', description: 'Sweeps', runtimeVersion: 'vmcontext' }, 201);
    expect(bot).toMatchObject({ resourceType: 'Bot', name: 'Sweeper', description: 'Sweeps' });
    const reference = `Bot/${bot.id}`;
    expect(await membershipOf(reference)).toMatchObject({ user: { reference }, profile: { reference } });
  });

  test('has the policy that it is made with, which must exist', async () => {
    const policy = await north.store({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
    const accessPolicy = { reference: `AccessPolicy/${policy.id}` };
    const bot = await north.post('bot', { name: 'Limited', accessPolicy }, 201);
    expect(await membershipOf(`Bot/${bot.id}`)).toMatchObject({ accessPolicy });
    await north.post('bot', { name: 'Nobody', accessPolicy: { reference: `AccessPolicy/${randomUUID()}` } }, 400);
    expect(await north.found('Bot?name:exact=Nobody')).toEqual([]);
  });
});

describe('the project', () => {
  const path = () => `admin/projects/${north.project.id}`;

  test('gets its secrets and its sites from its admins, who may read them', async () => {
    const secret = [
      { name: 'API_KEY', valueString: 'k' },
      { name: 'RATE', valueDecimal: 1.5 },
    ];
    const site = [{ name: 'Main', domain: ['app.example.org'] }];
    expect(await north.post('secrets', secret)).toMatchObject({ resourceType: 'Project', secret });
    expect(await north.post('sites', site)).toMatchObject({ secret, site });
    const read = await north.call(path());
    expect([read.status, JSON.parse(read.text)]).toEqual([
      200,
      { project: { id: north.project.id, name: 'Project north', secret, site } },
    ]);
    expect((await north.post('secrets', [])).secret).toBeUndefined();
  });

  test('keeps the numbers of its settings as they are written', async () => {
    const answer = await north.call(`${path()}/secrets`, {
      method: 'POST',
      body: '[{"name":"RATE","valueDecimal":1.00}]',
    });
    expect(answer.text).toContain('"valueDecimal":1.00');
  });

  test('takes lists of the right form only', async () => {
    await north.post('secrets', {}, 400);
    await north.post('secrets', [{ valueString: 'nameless' }], 400);
    await north.post('sites', ['x'], 400);
    for (const body of ['', '[', '[],"path":"/superAdmin"', '[]}]']) {
      expect((await north.call(`${path()}/sites`, { method: 'POST', body })).status).toBe(400);
    }
  });

  test('never shows what belongs to the operator', async () => {
    const answers = [
      await north.call(path()),
      await north.fhir(`Project/${north.project.id}`),
      await north.fhir('Project'),
      await north.call(`${path()}/sites`, { method: 'POST', body: [] }),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toMatch(/superAdmin|systemSecret|strictMode/);
    }
  });

  test('keeps what its admins must not change, and what they cannot see', async () => {
    const stored = JSON.parse((await north.fhir(`Project/${north.project.id}`)).text) as Stored;
    const body = {
      ...stored,
      description: 'changed',
      superAdmin: true,
      strictMode: false,
      features: ['bots'],
      link: [{ project: { reference: `Project/${randomUUID()}` } }],
      systemSetting: [{ name: 'x', valueString: 'y' }],
      systemSecret: [{ name: 'x', valueString: 'y' }],
    };
    const answer = await north.fhir(`Project/${north.project.id}`, { method: 'PUT', body });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const changed = JSON.parse(answer.text) as Stored;
    expect(changed.description).toBe('changed');
    for (const name of ['superAdmin', 'strictMode', 'features', 'link', 'systemSetting', 'systemSecret']) {
      expect(changed[name]).toBeUndefined();
    }
    const patch = [{ op: 'add', path: '/features', value: ['bots'] }];
    const patched = await north.fhir(`Project/${north.project.id}`, {
      method: 'PATCH',
      body: patch,
      headers: { 'content-type': 'application/json-patch+json' },
    });
    expect((JSON.parse(patched.text) as Stored).features).toBeUndefined();
    // Of some of it no answer tells, so the stored resource is looked at.
    const connection = await connectOnce(north.project.tenantUrl);
    const [row] = await connection.query<{ body: string }>(sql`SELECT body FROM resource WHERE type = 'Project'`);
    await connection.close();
    const kept = JSON.parse(row?.body ?? '') as Stored;
    expect(kept).toMatchObject({ description: 'changed', strictMode: true });
    for (const name of ['superAdmin', 'features', 'link', 'systemSetting', 'systemSecret']) {
      expect(kept).not.toHaveProperty(name);
    }
  });
});
