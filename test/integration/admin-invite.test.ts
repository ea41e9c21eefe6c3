import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdministeredProject, anAdministeredProject, aProjectWithAdmin, type Stored } from './admin.fixture.js';

let north: AdministeredProject;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'admin-invite-'));
  north = await aProjectWithAdmin({ dataDir });
});

afterAll(async () => {
  await north?.plane.close();
  await rm(dataDir, { recursive: true, force: true });
});

const somebody = (more: object = {}): { email: string; [member: string]: unknown } => ({
  resourceType: 'Practitioner',
  firstName: 'Ana',
  lastName: 'Quay',
  email: `ana-${randomUUID()}@example.org`,
  sendEmail: false,
  ...more,
});

const invite = (body: object, status = 200): Promise<Stored> => north.post('invite', body, status);

const referenceOf = (value: unknown): string => (value as { reference: string }).reference;
const issuesOf = (outcome: Stored): string[] =>
  (outcome.issue as { expression?: string[] }[]).flatMap(({ expression = [] }) => expression);

async function read(reference: string): Promise<Stored> {
  const answer = await north.fhir(reference);
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as Stored;
}

const usersWith = (email: string): Promise<Stored[]> => north.found(`User?email:exact=${email}`);

const membershipsOf = async (email: string): Promise<Stored[]> => {
  const users = await usersWith(email);
  expect(users).toHaveLength(1);
  return north.found(`ProjectMembership?user=User/${users[0]?.id}`);
};

async function mailFor(email: string): Promise<{ to: string; text: string }[]> {
  const directory = join(dataDir, 'mail', north.project.id);
  const files = await readdir(directory).catch(() => []);
  const messages = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  return messages.map((text) => JSON.parse(text) as { to: string; text: string }).filter(({ to }) => to === email);
}

describe('an invitation', () => {
  test('makes a user, a profile and a membership, which it answers', async () => {
    const email = `Ana.${randomUUID()}@Example.ORG`;
    const membership = await invite(somebody({ email, membership: { identifier: [{ value: 'n1' }] } }));
    expect(membership).toMatchObject({
      resourceType: 'ProjectMembership',
      project: { reference: `Project/${north.project.id}` },
      user: { display: email.toLowerCase() },
      profile: { display: 'Ana Quay' },
      invitedBy: { reference: `ClientApplication/${north.project.clientId}` },
      identifier: [{ value: 'n1' }],
    });
    expect(await read(referenceOf(membership.user))).toMatchObject({
      firstName: 'Ana',
      lastName: 'Quay',
      email: email.toLowerCase(),
      project: { reference: `Project/${north.project.id}` },
    });
    expect(await read(referenceOf(membership.profile))).toMatchObject({
      resourceType: 'Practitioner',
      name: [{ family: 'Quay', given: ['Ana'] }],
      telecom: [{ system: 'email', value: email.toLowerCase() }],
    });
  });

  test('makes a user of the project, also when it asks for one of the server', async () => {
    const { user } = await invite(somebody({ scope: 'server' }));
    expect(await read(referenceOf(user))).toMatchObject({ project: { reference: `Project/${north.project.id}` } });
  });

  test('is accepted under the id of the project, under :projectId literally and without either', async () => {
    for (const path of [`projects/${north.project.id}/invite`, 'projects/:projectId/invite', 'invite']) {
      const answer = await north.call(`admin/${path}`, { method: 'POST', body: somebody() });
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });

  test('is for project admins only', async () => {
    const member = await north.member('Guest');
    for (const path of [`projects/${north.project.id}/invite`, 'projects/:projectId/invite', 'invite']) {
      const body = somebody();
      const answer = await north.call(`admin/${path}`, { method: 'POST', body, as: member });
      expect([path, answer.status, answer.json.id]).toEqual([path, 403, 'forbidden']);
      expect(await usersWith(body.email)).toEqual([]);
    }
  });

  test('takes patients and related persons too, the latter with the profile they have', async () => {
    expect(referenceOf((await invite(somebody({ resourceType: 'Patient' }))).profile)).toMatch(/^Patient\//);
    const patient = await north.store({ resourceType: 'Patient' });
    const person = await north.store({
      resourceType: 'RelatedPerson',
      patient: { reference: `Patient/${patient.id}` },
      name: [{ text: 'N. N.' }, { family: 'Quay' }],
    });
    const reference = `RelatedPerson/${person.id}`;
    const related = somebody({ resourceType: 'RelatedPerson', membership: { profile: { reference } } });
    expect((await invite(related)).profile).toEqual({ reference, display: 'N. N.' });
    expect(issuesOf(await invite(somebody({ resourceType: 'RelatedPerson' }), 400))).toEqual(['membership.profile']);
  });

  test('takes somebody without an address by an external id', async () => {
    const externalId = `ext, ${randomUUID()} | 1`;
    const first = await invite(somebody({ email: '', externalId }));
    expect(first).toMatchObject({ externalId });
    expect(await read(referenceOf(first.user))).toMatchObject({ externalId });
    await invite(somebody({ email: undefined, externalId }), 409);
  });

  test('uses the profile of the type that has the address, however it is written there', async () => {
    const email = `Nia.${randomUUID()}@Example.org`;
    const telecom = [{ system: 'email', value: email }];
    const patient = await north.store({ resourceType: 'Patient', telecom });
    const practitioner = await north.store({ resourceType: 'Practitioner', telecom, name: [{ family: 'Harbour' }] });
    expect(patient.id).toBeDefined();
    const membership = await invite(somebody({ email }));
    expect(membership.profile).toEqual({
      reference: `Practitioner/${practitioner.id}`,
      display: 'Harbour',
    });
  });

  test('makes a profile rather than guess among several that have the address, or take one that is somebody’s', async () => {
    const [several, taken] = [`${randomUUID()}@example.org`, `${randomUUID()}@example.org`];
    const profile = (email: string) =>
      north.store({ resourceType: 'Practitioner', telecom: [{ system: 'email', value: email }] });
    const known = [await profile(several), await profile(several), await profile(taken)].map(
      ({ id }) => `Practitioner/${id}`,
    );
    await invite(somebody({ membership: { profile: { reference: known[2] } } }));
    for (const email of [several, taken]) {
      const membership = await invite(somebody({ email }));
      expect(known).not.toContain(referenceOf(membership.profile));
    }
  });

  test('of a member is a conflict, and nothing is written', async () => {
    const body = somebody();
    await invite(body);
    const outcome = await invite({ ...body, resourceType: 'Patient' }, 409);
    expect(outcome).toMatchObject({ id: 'conflict', issue: [{ code: 'conflict' }] });
    expect(await membershipsOf(body.email)).toHaveLength(1);
    expect(await north.found(`Patient?email=${body.email}`)).toEqual([]);
  });

  test('with forceNewMembership always makes another membership, with the same user and profile', async () => {
    const body = somebody();
    const first = await invite({ ...body, forceNewMembership: true });
    const second = await invite({ ...body, forceNewMembership: true });
    expect(second.id).not.toBe(first.id);
    expect([second.user, second.profile]).toEqual([first.user, first.profile]);
    const other = await north.store({ resourceType: 'Practitioner' });
    const profile = { reference: `Practitioner/${other.id}` };
    const third = await invite({ ...body, forceNewMembership: true, membership: { profile } });
    expect(third.profile).toEqual(profile);
    expect(await membershipsOf(body.email)).toHaveLength(3);
  });

  test('with upsert updates the membership that there is, but not whose it is', async () => {
    const body = somebody();
    const first = await invite(somebody({ ...body, upsert: true, membership: { identifier: [{ value: 'old' }] } }));
    const changed = await invite({
      ...body,
      upsert: true,
      membership: { admin: true, id: 'other', user: { reference: 'User/other' }, project: { reference: 'Project/o' } },
    });
    expect(changed).toMatchObject({
      id: first.id,
      admin: true,
      user: first.user,
      profile: first.profile,
      project: first.project,
      identifier: [{ value: 'old' }],
    });
    const other = await north.store({ resourceType: 'Practitioner' });
    const profile = { reference: `Practitioner/${other.id}` };
    await invite({ ...body, upsert: true, membership: { profile } }, 409);
    await invite({ ...body, upsert: true, resourceType: 'Patient' }, 409);
    expect(await membershipsOf(body.email)).toHaveLength(1);
  });

  test('with upsert of somebody with several memberships is a conflict rather than a guess', async () => {
    const body = somebody();
    await invite(body);
    await invite({ ...body, forceNewMembership: true });
    await invite({ ...body, upsert: true, membership: { admin: true } }, 409);
    expect((await membershipsOf(body.email)).map(({ admin }) => admin)).toEqual([undefined, undefined]);
  });

  test('that comes ten times at once makes one user and one membership', async () => {
    const body = somebody();
    const path = `admin/projects/${north.project.id}/invite`;
    const calls = Array.from({ length: 10 }, () => north.call(path, { method: 'POST', body }));
    const statuses = (await Promise.all(calls)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array<number>(9).fill(409)]);
    expect(await membershipsOf(body.email)).toHaveLength(1);
    expect(await north.found(`Practitioner?email=${body.email}`)).toHaveLength(1);
  });

  test('of ten people at once makes all of them members', async () => {
    const calls = Array.from({ length: 10 }, () => invite(somebody()));
    expect(new Set((await Promise.all(calls)).map(({ id }) => id)).size).toBe(10);
  });

  test('names policies of this project that exist, in the new form and in the old', async () => {
    const policy = await north.store({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
    const accessPolicy = { reference: `AccessPolicy/${policy.id}` };
    const access = [{ policy: accessPolicy, parameter: [{ name: 'o', valueString: 'x' }] }];
    expect(await invite(somebody({ membership: { accessPolicy, access } }))).toMatchObject({ accessPolicy, access });
    expect(await invite(somebody({ accessPolicy, access, admin: true }))).toMatchObject({
      accessPolicy,
      access,
      admin: true,
    });
    const missing = { reference: `AccessPolicy/${randomUUID()}` };
    for (const wrong of [missing, { reference: 'Patient/x' }, { reference: 'AccessPolicy/' }]) {
      const body = somebody({ membership: { accessPolicy, access: [access[0], { policy: wrong }] } });
      expect(issuesOf(await invite(body, 400))).toEqual(['membership.access[1].policy']);
      expect(await usersWith(body.email)).toEqual([]);
    }
    const gone = await north.store({ resourceType: 'AccessPolicy' });
    await north.fhir(`AccessPolicy/${gone.id}`, { method: 'DELETE' });
    const deleted = { reference: `AccessPolicy/${gone.id}` };
    expect(issuesOf(await invite(somebody({ membership: { accessPolicy: deleted } }), 400))).toEqual([
      'membership.accessPolicy',
    ]);
  });

  test('names a profile of this project and of the type that it says', async () => {
    const south = await anAdministeredProject(north.plane, await north.plane.createProject('south'));
    const foreign = await south.store({ resourceType: 'Practitioner' });
    const patient = await north.store({ resourceType: 'Patient' });
    for (const reference of [`Practitioner/${foreign.id}`, `Patient/${patient.id}`, 'Practitioner']) {
      const body = somebody({ membership: { profile: { reference } } });
      expect(issuesOf(await invite(body, 400))).toEqual(['membership.profile']);
      expect(await usersWith(body.email)).toEqual([]);
    }
    expect(issuesOf(await invite(somebody({ membership: { profile: 'Practitioner/1' } }), 400))).toEqual([
      'membership.profile',
    ]);
  });

  test('says which fields are wrong, all at once', async () => {
    expect(issuesOf(await invite({}, 400))).toEqual(['resourceType', 'firstName', 'lastName', 'email']);
    expect(issuesOf(await invite(somebody({ resourceType: 'Person', firstName: '', email: 'a, b' }), 400))).toEqual([
      'resourceType',
      'firstName',
      'email',
    ]);
    const wrong: object[] = [
      { email: 'ana\u0000@example.org' },
      { email: 7 },
      { externalId: 'a\u0000' },
      { membership: 'x' },
      { firstName: '\u0000' },
      { membership: { access: 'x' } },
      { membership: { admin: 'yes' } },
      { membership: { identifier: [{ unknown: 1 }] } },
    ];
    for (const field of wrong) {
      const answer = await north.call('admin/invite', { method: 'POST', body: somebody(field) });
      expect([field, answer.status]).toEqual([field, 400]);
    }
    for (const body of ['', '[]', '{', '"x"']) {
      expect((await north.call('admin/invite', { method: 'POST', body })).status).toBe(400);
    }
  });

  test('ignores members that it does not know, and takes empty texts for absent ones', async () => {
    const body = somebody({ membership: { accessPolicy: '', access: null, unknown: 1 }, password: '', x: {} });
    const membership = await invite(body);
    expect([membership.accessPolicy, membership.access]).toEqual([undefined, undefined]);
    const plain = await north.call('admin/invite', {
      method: 'POST',
      body: somebody(),
      headers: { 'content-type': 'application/json' },
    });
    expect(plain.status).toBe(200);
  });
});

describe('the mail of an invitation', () => {
  test('goes out unless the body says otherwise, and nobody else can read it', async () => {
    const wanted = somebody({ sendEmail: undefined });
    await invite(wanted);
    expect(await mailFor(wanted.email)).toEqual([
      expect.objectContaining({
        // Wherever the invitation came in: the link leads to the project's own address.
        text: expect.stringMatching(
          /\nhttp:\/\/north\.fhir\.test:\d+\/setpassword\/[0-9a-f-]{36}\/[A-Za-z0-9_-]{43}\n/,
        ),
      }),
    ]);
    const directory = join(dataDir, 'mail', north.project.id);
    for (const file of await readdir(directory)) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    for (const sendEmail of [false, 'false']) {
      const unwanted = somebody({ sendEmail });
      await invite(unwanted);
      expect(await mailFor(unwanted.email)).toEqual([]);
    }
  });

  test('has no link for somebody who has a password', async () => {
    const body = somebody({ sendEmail: 'true', password: 'foobar' });
    await invite(body);
    const [mail, ...more] = await mailFor(body.email);
    expect(more).toEqual([]);
    expect(mail?.text).not.toContain('setpassword');
    expect(JSON.stringify(mail)).not.toContain('foobar');
  });
});
