import { randomUUID } from 'node:crypto';
import {
  type AdministeredProject,
  aProjectWithAdmin,
  anAdministeredProject,
  type Call,
  type Stored,
} from './admin.fixture.js';

let north: AdministeredProject;
let south: AdministeredProject;

beforeAll(async () => {
  north = await aProjectWithAdmin();
  south = await anAdministeredProject(north.plane, await north.plane.createProject('south'));
});

afterAll(() => north?.plane.close());

const patientsOnly = { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] };
const onBehalfOf = (target: string): Call => ({
  headers: { 'x-medplum-on-behalf-of': target, 'x-medplum': 'extended' },
});

async function aPractitioner(project = north, more: object = {}): Promise<Stored> {
  const policy = await project.store(patientsOnly);
  return project.post('invite', {
    resourceType: 'Practitioner',
    firstName: 'Ana',
    lastName: 'Quay',
    email: `ana-${randomUUID()}@example.org`,
    sendEmail: false,
    accessPolicy: { reference: `AccessPolicy/${policy.id}` },
    ...more,
  });
}

const profileOf = (membership: Stored): string => (membership.profile as { reference: string }).reference;

describe('on behalf of a member', () => {
  test("an admin has the member's rights, by the membership and by its profile", async () => {
    const membership = await aPractitioner();
    for (const target of [`ProjectMembership/${membership.id}`, profileOf(membership)]) {
      expect((await north.fhir('Patient', onBehalfOf(target))).status).toBe(200);
      expect((await north.fhir('Observation', onBehalfOf(target))).status).toBe(403);
      expect((await north.fhir('ProjectMembership', onBehalfOf(target))).status).toBe(403);
      const body = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
      expect((await north.fhir('Observation', { method: 'POST', body, ...onBehalfOf(target) })).status).toBe(403);
    }
    expect((await north.fhir('Observation')).status).toBe(200);
  });

  test('the admin stays the author, and the member is named beside', async () => {
    const membership = await aPractitioner();
    const created = await north.fhir('Patient', {
      method: 'POST',
      body: { resourceType: 'Patient', meta: { author: { reference: 'x/y' }, onBehalfOf: { reference: 'x/y' } } },
      ...onBehalfOf(profileOf(membership)),
    });
    expect(created.status).toBe(201);
    const { author, onBehalfOf: named } = created.json.meta as Record<string, unknown>;
    // Whoever sees the resource may not be allowed to know their names.
    expect([author, named]).toEqual([
      { reference: `ClientApplication/${north.project.clientId}` },
      { reference: profileOf(membership) },
    ]);
    const plain = await north.store({ resourceType: 'Patient', meta: { onBehalfOf: { reference: 'x/y' } } });
    expect(JSON.stringify(plain)).not.toContain('onBehalfOf');
  });

  test("what is created is filed under the member's account", async () => {
    const policy = await north.store({ ...patientsOnly, compartment: { reference: '%organization' } });
    const parameter = [{ name: 'organization', valueReference: { reference: 'Organization/a' } }];
    const access = [{ policy: { reference: `AccessPolicy/${policy.id}` }, parameter }];
    const membership = await aPractitioner(north, { accessPolicy: undefined, access });
    const created = await north.fhir('Patient', {
      method: 'POST',
      body: { resourceType: 'Patient' },
      ...onBehalfOf(profileOf(membership)),
    });
    expect([created.status, created.json.meta]).toMatchObject([201, { accounts: [{ reference: 'Organization/a' }] }]);
  });

  test('only an admin may act', async () => {
    const membership = await aPractitioner();
    const member = await north.member('Guest');
    const targets = [`ProjectMembership/${membership.id}`, `ProjectMembership/${member.membershipId}`];
    for (const target of targets) {
      const answer = await north.fhir('Patient', { as: member, ...onBehalfOf(target) });
      expect([answer.status, answer.json.id]).toEqual([403, 'forbidden']);
    }
  });

  test("an admin's own rights do not come along, not even to administer", async () => {
    const membership = await aPractitioner();
    const call = onBehalfOf(profileOf(membership));
    expect((await north.call(`admin/projects/${north.project.id}`, call)).status).toBe(403);
    const invited = { resourceType: 'Patient', firstName: 'A', lastName: 'B', email: `x-${randomUUID()}@example.org` };
    expect((await north.call('admin/invite', { method: 'POST', body: invited, ...call })).status).toBe(403);
  });

  test("the member's account is out of reach: of what people do with their own log-in only auth/me answers", async () => {
    const membership = await aPractitioner();
    const call = onBehalfOf(`ProjectMembership/${membership.id}`);
    const me = await north.call('auth/me', call);
    expect([me.status, me.json]).toMatchObject([200, { membership: { id: membership.id } }]);
    expect(me.json).not.toHaveProperty('security');
    const posts = ['auth/revoke', 'auth/changepassword', 'auth/mfa/enroll', 'oauth2/logout', 'oauth2/userinfo'];
    for (const path of posts) {
      const body = { loginId: randomUUID(), oldPassword: 'x', newPassword: 'long-enough' };
      expect([path, (await north.call(path, { method: 'POST', body, ...call })).status]).toEqual([path, 403]);
    }
    for (const path of ['oauth2/logout', 'oauth2/userinfo', 'auth/tenants', 'auth/mfa/status']) {
      expect([path, (await north.call(path, call)).status]).toEqual([path, 403]);
    }
  });

  test('nobody acts from an address that the policy of the member blocks', async () => {
    const policy = await north.store({ ...patientsOnly, ipAccessRule: [{ name: 'All', value: '*', action: 'block' }] });
    const membership = await aPractitioner(north, { accessPolicy: { reference: `AccessPolicy/${policy.id}` } });
    expect((await north.fhir('Patient', onBehalfOf(`ProjectMembership/${membership.id}`))).status).toBe(403);
  });

  test('nobody else is a target than an active member of the same project', async () => {
    const foreign = await aPractitioner(south);
    const inactive = await aPractitioner();
    await north.post(`members/${inactive.id}`, { ...inactive, active: false });
    const removed = await aPractitioner();
    await north.call(`admin/projects/:projectId/members/${removed.id}`, { method: 'DELETE' });
    const stranger = await north.store({ resourceType: 'Practitioner' });
    const targets = [
      `ProjectMembership/${foreign.id}`,
      profileOf(foreign),
      `ProjectMembership/${inactive.id}`,
      profileOf(inactive),
      `ProjectMembership/${removed.id}`,
      `Practitioner/${stranger.id}`,
      `ProjectMembership/${randomUUID()}`,
      `Organization/${stranger.id}`,
      'ProjectMembership/',
      "Practitioner/x' or true",
      'x',
      '',
    ];
    for (const target of targets) {
      const answer = await north.fhir('Patient', onBehalfOf(target));
      expect([target, answer.status]).toEqual([target, 403]);
    }
  });

  test('a profile with several memberships must be named by one of them', async () => {
    const email = `two-${randomUUID()}@example.org`;
    const first = await aPractitioner(north, { email });
    const second = await aPractitioner(north, { email, forceNewMembership: true });
    expect((await north.fhir('Patient', onBehalfOf(profileOf(first)))).status).toBe(400);
    for (const { id } of [first, second]) {
      expect((await north.fhir('Patient', onBehalfOf(`ProjectMembership/${String(id)}`))).status).toBe(200);
    }
  });

  test('a profile that has had many memberships is found by the active one, and two of these are several', async () => {
    const email = `many-${randomUUID()}@example.org`;
    const first = await aPractitioner(north, { email });
    const another = () => aPractitioner(north, { email, forceNewMembership: true });
    const end = (membership: Stored) => north.post(`members/${membership.id}`, { ...membership, active: false });
    for (let count = 0; count < 20; count++) await end(await another());
    const status = async () => (await north.fhir('Patient', onBehalfOf(profileOf(first)))).status;
    await another();
    expect(await status()).toBe(400);
    await end(first);
    expect(await status()).toBe(200);
  });

  test('a Bot is nobody any more once it is deleted', async () => {
    const bot = await north.post('bot', { name: 'Sweeper' }, 201);
    const [membership] = await north.found(`ProjectMembership?user=Bot/${bot.id}`);
    const target = `ProjectMembership/${membership?.id}`;
    expect((await north.fhir('Patient', onBehalfOf(target))).status).toBe(200);
    expect((await north.fhir(`Bot/${bot.id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await north.fhir('Patient', onBehalfOf(target))).status).toBe(403);
  });

  test('it ends with the next request when either of the two loses what it takes', async () => {
    const admin = await north.member('Second admin', undefined, { admin: true });
    const membership = await aPractitioner();
    const target = `ProjectMembership/${membership.id}`;
    const read = async (): Promise<number> =>
      (await north.fhir('Patient', { as: admin, ...onBehalfOf(target) })).status;
    expect(await read()).toBe(200);

    const { accessPolicy: _, ...unlimited } = membership;
    await north.post(`members/${membership.id}`, { ...unlimited, active: false });
    expect(await read()).toBe(403);
    await north.post(`members/${membership.id}`, membership);
    expect(await read()).toBe(200);

    const [own] = await north.found(`ProjectMembership?_id=${admin.membershipId}`);
    await north.post(`members/${admin.membershipId}`, { ...own, admin: false });
    expect(await read()).toBe(403);
    await north.post(`members/${admin.membershipId}`, { ...own, active: false });
    expect(await read()).toBe(401);
  });

  test('pages may send the header', async () => {
    const preflight = await north.plane.call({
      method: 'OPTIONS',
      path: `${north.project.path}fhir/R4/Patient`,
      headers: {
        origin: 'https://app.example.org',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,x-medplum-on-behalf-of',
      },
    });
    expect([preflight.status, preflight.headers['access-control-allow-headers']]).toEqual([
      204,
      'authorization,x-medplum-on-behalf-of',
    ]);
  });
});
