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
  const owned = await north.plane.createProject('south', '4.0.1', { email: 'owner@example.org' });
  south = await anAdministeredProject(north.plane, owned);
});

afterAll(() => north?.plane.close());

const patientsOnly = { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] };

const invite = (more: object = {}): Promise<Stored> =>
  north.post('invite', {
    resourceType: 'Practitioner',
    firstName: 'Ana',
    lastName: 'Quay',
    email: `ana-${randomUUID()}@example.org`,
    sendEmail: false,
    ...more,
  });

const anyMembership = async (project: AdministeredProject): Promise<string> =>
  String((await project.found('ProjectMembership'))[0]?.id);

describe('the members of a project', () => {
  test('are read, replaced and removed by its admins', async () => {
    const membership = await invite();
    const path = `members/${membership.id}`;
    const read = await north.call(`admin/projects/:projectId/${path}`);
    expect([read.status, JSON.parse(read.text)]).toEqual([200, membership]);
    const changed = await north.post(path, { ...membership, admin: true, active: false });
    expect(changed).toMatchObject({ id: membership.id, admin: true, active: false, user: membership.user });
    const removed = await north.call(`admin/projects/${north.project.id}/${path}`, { method: 'DELETE' });
    expect([removed.status, removed.json.resourceType]).toEqual([200, 'OperationOutcome']);
    expect((await north.call(`admin/projects/${north.project.id}/${path}`)).status).toBe(410);
  });

  test('keep their user and their project, whatever is sent', async () => {
    const [one, other] = [await invite(), await invite()];
    const sent = { ...one, user: other.user, project: { reference: `Project/${south.project.id}` }, externalId: 'x' };
    expect(await north.post(`members/${one.id}`, sent)).toMatchObject({
      user: one.user,
      project: one.project,
      externalId: 'x',
    });
    const put = await north.fhir(`ProjectMembership/${one.id}`, { method: 'PUT', body: { ...sent, externalId: 'y' } });
    expect([put.status, JSON.parse(put.text)]).toMatchObject([
      200,
      { user: one.user, project: one.project, externalId: 'y' },
    ]);
  });

  test('are replaced under their own id only', async () => {
    const [one, other] = [await invite(), await invite()];
    await north.post(`members/${one.id}`, other, 400);
    await north.post(`members/${randomUUID()}`, { ...one, id: randomUUID() }, 400);
    const unknown = randomUUID();
    await north.post(`members/${unknown}`, { ...one, id: unknown }, 404);
    await north.post(`members/${one.id}`, { resourceType: 'Patient', id: one.id }, 400);
  });

  test('get policies and profiles that exist; what they had already may be gone', async () => {
    const policy = await north.store(patientsOnly);
    const accessPolicy = { reference: `AccessPolicy/${policy.id}` };
    const membership = await invite({ membership: { accessPolicy } });
    const path = `members/${membership.id}`;
    await north.fhir(`AccessPolicy/${policy.id}`, { method: 'DELETE' });
    const kept = await north.post(path, { ...membership, externalId: 'kept' });
    expect(kept).toMatchObject({ accessPolicy, externalId: 'kept' });
    const missing = { reference: `AccessPolicy/${randomUUID()}` };
    await north.post(path, { ...kept, access: [{ policy: missing }] }, 400);
    await north.post(path, { ...kept, profile: { reference: `Practitioner/${randomUUID()}` } }, 400);
  });

  test('of another project are not there, by whichever project id they are asked for', async () => {
    const foreign = await anyMembership(south);
    const own = await anyMembership(north);
    for (const method of ['GET', 'DELETE']) {
      expect((await north.call(`admin/projects/${north.project.id}/members/${foreign}`, { method })).status).toBe(404);
      for (const id of [foreign, own]) {
        expect((await north.call(`admin/projects/${south.project.id}/members/${id}`, { method })).status).toBe(403);
      }
    }
    expect((await south.call(`admin/projects/${south.project.id}/members/${foreign}`)).status).toBe(200);
  });

  test('have ids of the form that ids have, else they are not there', async () => {
    for (const id of ['%00', 'a%2Fb', 'x'.repeat(65), "'"]) {
      for (const method of ['GET', 'DELETE']) {
        expect((await north.call(`admin/projects/:projectId/members/${id}`, { method })).status).toBe(404);
      }
    }
  });

  test('act on tokens that were issued before they were changed', async () => {
    const member = await north.member('Guest');
    expect((await north.fhir('Patient', { as: member })).status).toBe(200);
    const [stored] = await north.found(`ProjectMembership?_id=${member.membershipId}`);
    await north.post(`members/${member.membershipId}`, { ...stored, active: false });
    expect((await north.fhir('Patient', { as: member })).status).toBe(401);
    await north.post(`members/${member.membershipId}`, { ...stored, active: true });
    await north.call(`admin/projects/:projectId/members/${member.membershipId}`, { method: 'DELETE' });
    expect((await north.fhir('Patient', { as: member })).status).toBe(401);
  });

  test('may become admins a moment before they act as such', async () => {
    const member = await north.member('Promoted');
    const path = `admin/projects/${north.project.id}`;
    expect((await north.call(path, { as: member })).status).toBe(403);
    const [stored] = await north.found(`ProjectMembership?_id=${member.membershipId}`);
    await north.post(`members/${member.membershipId}`, { ...stored, admin: true });
    expect((await north.call(path, { as: member })).status).toBe(200);
    await north.post(`members/${member.membershipId}`, { ...stored, admin: false });
    expect((await north.call(path, { as: member })).status).toBe(403);
  });
});

describe("the owner's membership", () => {
  test('cannot be deleted by any route', async () => {
    const [project] = await south.found('Project');
    const owner = (project?.owner as { reference: string }).reference;
    const [membership] = await south.found(`ProjectMembership?user=${owner}`);
    const id = membership?.id;
    const bundle = (type: string, url: string) => ({
      resourceType: 'Bundle',
      type,
      entry: [{ request: { method: 'DELETE', url } }],
    });
    const calls = [
      await south.call(`admin/projects/${south.project.id}/members/${id}`, { method: 'DELETE' }),
      await south.fhir(`ProjectMembership/${id}`, { method: 'DELETE' }),
      await south.fhir(`ProjectMembership?_id=${id}`, { method: 'DELETE' }),
      await south.fhir('', { method: 'POST', body: bundle('transaction', `ProjectMembership/${id}`) }),
    ];
    expect(calls.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    const batch = await south.fhir('', { method: 'POST', body: bundle('batch', `ProjectMembership?_id=${id}`) });
    expect(batch.json.entry.map(({ response }) => response.status)).toEqual(['400']);
    expect(await south.found(`ProjectMembership?_id=${id}`)).toEqual([membership]);
  });

  test('stays active and an administrator’s, and the project stays the owner’s', async () => {
    const [project] = await south.found('Project');
    const owner = (project?.owner as { reference: string }).reference;
    const [membership] = await south.found(`ProjectMembership?user=${owner}`);
    const id = String(membership?.id);
    const { admin: _, ...ordinary } = membership!;
    const patch = (path: string, value: boolean): Call => ({
      method: 'PATCH',
      body: [{ op: 'add', path, value }],
      headers: { 'content-type': 'application/json-patch+json' },
    });
    const calls: [string, Call][] = [
      [`fhir/R4/ProjectMembership/${id}`, { method: 'PUT', body: { ...membership, active: false } }],
      [`fhir/R4/ProjectMembership/${id}`, { method: 'PUT', body: ordinary }],
      [`fhir/R4/ProjectMembership/${id}`, patch('/active', false)],
      [`fhir/R4/ProjectMembership/${id}`, patch('/admin', false)],
      [`admin/projects/${south.project.id}/members/${id}`, { method: 'POST', body: { ...membership, active: false } }],
      [`admin/projects/${south.project.id}/members/${id}`, { method: 'POST', body: { ...membership, admin: false } }],
      [`fhir/R4/${owner}`, { method: 'DELETE' }],
    ];
    for (const [path, call] of calls) expect([path, (await south.call(path, call)).status]).toEqual([path, 400]);
    expect(await south.found(`ProjectMembership?_id=${id}`)).toEqual([membership]);
    expect((await south.fhir(owner)).status).toBe(200);

    const named = { ...membership, externalId: 'n1' };
    expect((await south.fhir(`ProjectMembership/${id}`, { method: 'PUT', body: named })).status).toBe(200);
    const taken = { ...project, owner: { reference: 'User/somebody-else' } };
    await south.fhir(`Project/${south.project.id}`, { method: 'PUT', body: taken });
    expect((await south.found('Project'))[0]?.owner).toEqual(project?.owner);
  });
});

describe('memberships over FHIR', () => {
  test('are found by admins without parameters and by their profile', async () => {
    const membership = await invite();
    const { reference } = membership.profile as { reference: string };
    expect((await north.found('ProjectMembership')).length).toBeGreaterThan(1);
    expect((await north.found(`ProjectMembership?profile=${reference}&_count=1`)).map(({ id }) => id)).toEqual([
      membership.id,
    ]);
  });

  test('are written back whole with another access, which may be empty', async () => {
    const policy = await north.store(patientsOnly);
    const member = await north.member('Changed', patientsOnly);
    const [stored] = await north.found(`ProjectMembership?_id=${member.membershipId}`);
    const put = async (access: object[]) => {
      const { accessPolicy: _, ...rest } = stored as Stored;
      const answer = await north.fhir(`ProjectMembership/${member.membershipId}`, {
        method: 'PUT',
        body: { ...rest, access },
        headers: { 'x-medplum': 'extended' },
      });
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    };
    expect((await north.fhir('Observation', { as: member })).status).toBe(403);
    await put([]);
    expect((await north.fhir('Observation', { as: member })).status).toBe(200);
    await put([{ policy: { reference: `AccessPolicy/${policy.id}` } }]);
    expect((await north.fhir('Observation', { as: member })).status).toBe(403);
    expect((await north.fhir('Patient', { as: member })).status).toBe(200);
  });

  test('show users to admins without anything that they could log in with', async () => {
    const membership = await invite({ password: 'foobar' });
    const { reference } = membership.user as { reference: string };
    for (const path of [reference, `${reference}/_history`, `User?_id=${reference.slice(5)}`]) {
      const answer = await north.fhir(path);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.text).not.toMatch(/passwordHash|mfaSecret|scrypt|foobar/);
    }
  });

  test('leave a user the address and the project that it has', async () => {
    const membership = await invite();
    const { reference } = membership.user as { reference: string };
    const user = JSON.parse((await north.fhir(reference)).text) as Stored;
    const sent = {
      ...user,
      firstName: 'Nia',
      email: 'other@example.org',
      emailVerified: true,
      mfaEnrolled: true,
      project: { reference: `Project/${south.project.id}` },
    };
    const answer = await north.fhir(reference, { method: 'PUT', body: sent });
    const { meta: _, ...rest } = JSON.parse(answer.text) as Stored;
    const { meta: __, ...before } = user;
    expect([answer.status, rest]).toEqual([200, { ...before, firstName: 'Nia' }]);
  });
});

describe('a password set by an admin', () => {
  const set = (body: object) => north.call('admin/projects/setpassword', { method: 'POST', body });

  test('is for people of the project, and of a length that is safe', async () => {
    const membership = await invite();
    const { display } = membership.user as { display: string };
    expect((await set({ email: display.toUpperCase(), password: 'correct-horse' })).status).toBe(200);
    expect((await set({ email: display, password: 'short' })).status).toBe(400);
    expect((await set({ email: display })).status).toBe(400);
    expect((await set({ email: 'nobody@example.org', password: 'correct-horse' })).status).toBe(404);
    expect((await set({ email: 'owner@example.org', password: 'correct-horse' })).status).toBe(404);
    expect((await set({ email: 'a\u0000@example.org', password: 'correct-horse' })).status).toBe(404);
  });

  test('is not for others', async () => {
    const member = await north.member('Guest');
    const body = { email: 'nobody@example.org', password: 'correct-horse' };
    expect((await north.call('admin/projects/setpassword', { method: 'POST', body, as: member })).status).toBe(403);
  });
});
