/** Nobody raises their own rights: each way in which a member might try, by every route. */
import { randomUUID } from 'node:crypto';
import type { Answer } from './data-plane.fixture.js';
import {
  type AdministeredProject,
  anAdministeredProject,
  aProjectWithAdmin,
  type Call,
  type Member,
  type Stored,
} from './admin.fixture.js';

let north: AdministeredProject;
/** With a policy that grants everything that a policy can grant, and names the admin types on top. */
let member: Member;
let limited: Member;
let policyId: string;
let userId: string;

const greedy = {
  resourceType: 'AccessPolicy',
  name: 'greedy',
  resource: ['*', 'Project', 'ProjectMembership', 'User', 'UserSecurityRequest', 'Login', 'JsonWebKey'].map(
    (resourceType) => ({ resourceType }),
  ),
};

beforeAll(async () => {
  north = await aProjectWithAdmin();
  member = await north.member('Greedy', greedy);
  limited = await north.member('Limited', { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
  const [policy] = await north.found('AccessPolicy?name:exact=greedy');
  policyId = policy?.id ?? '';
  const invited = await north.post('invite', {
    resourceType: 'Practitioner',
    firstName: 'Ana',
    lastName: 'Quay',
    email: 'ana@example.org',
    sendEmail: false,
  });
  userId = (invited.user as { reference: string }).reference.slice('User/'.length);
});

afterAll(() => north?.plane.close());

/** All that decides over rights, so that a test can say that none of it has changed. */
async function rights(): Promise<Stored[]> {
  const types = ['Project', 'ProjectMembership', 'AccessPolicy', 'User', 'ClientApplication', 'Bot'];
  return (await Promise.all(types.map((type) => north.found(`${type}?_count=1000`)))).flat();
}

/** Calls as the member and expects to be refused, with nothing written. */
async function refused(calls: () => Promise<Answer>[], statuses: number[] = [403]): Promise<void> {
  const before = await rights();
  for (const answer of await Promise.all(calls())) {
    expect([statuses.includes(answer.status), answer.status, answer.text]).toEqual([true, answer.status, answer.text]);
  }
  expect(await rights()).toEqual(before);
}

const jsonPatch = (path: string, value: unknown): Call => ({
  method: 'PATCH',
  body: [{ op: 'add', path, value }],
  headers: { 'content-type': 'application/json-patch+json' },
});

const who = (): Member[] => [member, limited];

describe('a member that is no admin', () => {
  test('cannot see or change memberships, users or the project by FHIR', async () => {
    const [own] = await north.found(`ProjectMembership?_id=${member.membershipId}`);
    const user = await north.found(`User?_id=${userId}`);
    const project = await north.found('Project');
    const targets = [own, user[0], project[0]].map((resource) => resource as Stored);
    for (const as of who()) {
      await refused(() =>
        targets.flatMap((resource) => {
          const type = resource.resourceType;
          const path = `${type}/${resource.id}`;
          const body = { ...resource, admin: true };
          return [
            north.fhir(path, { as }),
            north.fhir(type, { as }),
            north.fhir(`${path}/_history`, { as }),
            north.fhir(path, { as, method: 'PUT', body }),
            north.fhir(`${type}?_id=${resource.id}`, { as, method: 'PUT', body }),
            north.fhir(path, { as, ...jsonPatch('/admin', true) }),
            north.fhir(`${type}?_id=${resource.id}`, { as, ...jsonPatch('/admin', true) }),
            north.fhir(path, { as, method: 'DELETE' }),
            north.fhir(`${type}?_id=${resource.id}`, { as, method: 'DELETE' }),
            north.fhir(type, { as, method: 'POST', body: { ...body, id: undefined } }),
            north.fhir(type, { as, method: 'POST', body, headers: { 'if-none-exist': '_id=none' } }),
            north.fhir(`${path}/$meta-add`, {
              as,
              method: 'POST',
              body: { resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [{ code: 'x' }] } }] },
            }),
            north.fhir(`${path}/$set-accounts`, {
              as,
              method: 'POST',
              body: { resourceType: 'Parameters', parameter: [] },
            }),
          ];
        }),
      );
    }
  });

  test('cannot do so by batch or transaction either', async () => {
    const [own] = await north.found(`ProjectMembership?_id=${member.membershipId}`);
    const entry = [
      {
        request: { method: 'PUT', url: `ProjectMembership/${member.membershipId}` },
        resource: { ...own, admin: true },
      },
      {
        request: { method: 'PUT', url: `ProjectMembership?_id=${member.membershipId}` },
        resource: { ...own, admin: true },
      },
      { request: { method: 'POST', url: 'ProjectMembership' }, resource: { ...own, id: undefined, admin: true } },
      { request: { method: 'DELETE', url: `ProjectMembership/${limited.membershipId}` } },
      { request: { method: 'GET', url: `ProjectMembership/${member.membershipId}` } },
      { request: { method: 'GET', url: 'User' } },
      { request: { method: 'PUT', url: `AccessPolicy/${policyId}` }, resource: { ...greedy, id: policyId } },
    ];
    for (const as of who()) {
      const before = await rights();
      const batch = await north.fhir('', {
        as,
        method: 'POST',
        body: { resourceType: 'Bundle', type: 'batch', entry },
      });
      expect(batch.status).toBe(200);
      expect(batch.json.entry.map(({ response }) => response.status)).toEqual(entry.map(() => '403'));
      for (const one of entry) {
        const body = { resourceType: 'Bundle', type: 'transaction', entry: [one] };
        expect((await north.fhir('', { as, method: 'POST', body })).status).toBe(403);
      }
      expect(await rights()).toEqual(before);
    }
  });

  test('cannot change the policies that bind it, unless one of them names policies for writing', async () => {
    const body = { ...greedy, id: policyId, name: 'changed' };
    for (const as of who()) {
      await refused(() => [
        north.fhir(`AccessPolicy/${policyId}`, { as, method: 'PUT', body }),
        north.fhir(`AccessPolicy?_id=${policyId}`, { as, method: 'PUT', body }),
        north.fhir(`AccessPolicy/${policyId}`, { as, ...jsonPatch('/name', 'changed') }),
        north.fhir(`AccessPolicy/${policyId}`, { as, method: 'DELETE' }),
        north.fhir('AccessPolicy', { as, method: 'POST', body: { ...body, id: undefined } }),
      ]);
    }
    expect((await north.fhir(`AccessPolicy/${policyId}`, { as: member })).status).toBe(200);
    expect((await north.fhir(`AccessPolicy/${policyId}`, { as: limited })).status).toBe(403);
    const editor = await north.member('Editor', {
      resourceType: 'AccessPolicy',
      resource: [{ resourceType: 'AccessPolicy' }],
    });
    const created = await north.fhir('AccessPolicy', {
      as: editor,
      method: 'POST',
      body: { resourceType: 'AccessPolicy' },
    });
    expect(created.status).toBe(201);
  });

  test('cannot make or change what acts for others: clients, bots and their secrets', async () => {
    const client = `ClientApplication/${north.project.clientId}`;
    for (const as of who()) {
      await refused(() => [
        north.fhir(client, {
          as,
          method: 'PUT',
          body: { resourceType: 'ClientApplication', id: north.project.clientId, secret: 'mine' },
        }),
        north.fhir(client, { as, ...jsonPatch('/secret', 'mine') }),
        north.fhir('ClientApplication', {
          as,
          method: 'POST',
          body: { resourceType: 'ClientApplication', secret: 's' },
        }),
        north.fhir('Bot', { as, method: 'POST', body: { resourceType: 'Bot', runAsUser: true } }),
        north.fhir(`${client}/$rotate-secret`, { as, method: 'POST' }),
      ]);
    }
  });

  test('cannot mint or see log-ins and keys, and neither can an admin', async () => {
    const login = {
      resourceType: 'Login',
      user: { reference: `User/${userId}` },
      authMethod: 'client',
      authTime: new Date().toISOString(),
    };
    for (const as of [undefined, ...who()]) {
      const caller = as === undefined ? {} : { as };
      await refused(() => [
        north.fhir('Login', { ...caller, method: 'POST', body: login }),
        north.fhir('Login', caller),
        north.fhir(`Login/${randomUUID()}`, caller),
        north.fhir('Login?user:User.email=ana', caller),
        north.fhir('JsonWebKey', caller),
        north.fhir('DomainConfiguration', caller),
      ]);
    }
  });

  test('cannot use any route of the administration', async () => {
    const id = north.project.id;
    const membership = `admin/projects/${id}/members/${member.membershipId}`;
    const [own] = await north.found(`ProjectMembership?_id=${member.membershipId}`);
    const person = { resourceType: 'Practitioner', firstName: 'A', lastName: 'B', email: 'b@example.org' };
    for (const as of who()) {
      const post = (path: string, body: unknown) => north.call(path, { as, method: 'POST', body });
      await refused(() => [
        north.call(`admin/projects/${id}`, { as }),
        north.call('admin/projects/:projectId', { as }),
        north.call(membership, { as }),
        post(membership, { ...own, admin: true }),
        north.call(membership, { as, method: 'DELETE' }),
        post('admin/invite', { ...person, membership: { admin: true } }),
        post(`admin/projects/${id}/invite`, {}),
        post(`admin/projects/${id}/client`, { name: 'x' }),
        post(`admin/projects/${id}/bot`, { name: 'x' }),
        post(`admin/projects/${id}/secrets`, []),
        post(`admin/projects/${id}/sites`, []),
        post('admin/projects/setpassword', { email: 'ana@example.org', password: 'correct-horse' }),
      ]);
    }
  });

  test('cannot find out about admin types by chains, includes, _has or GraphQL', async () => {
    const queries = [
      'Patient?_has:ProjectMembership:profile:admin=true',
      'Practitioner?_has:ProjectMembership:profile:user=User/x',
      'ClientApplication?_has:ProjectMembership:user:admin=true',
    ];
    for (const query of queries) {
      const answer = await north.fhir(query, { as: member });
      expect([query, answer.status === 403 || (answer.status === 200 && answer.json.entry === undefined)]).toEqual([
        query,
        true,
      ]);
    }
    const included = await north.fhir(`ClientApplication?_id=${member.clientId}&_revinclude=ProjectMembership:user`, {
      as: member,
    });
    expect([included.status, included.text.includes('ProjectMembership/')]).toEqual([200, false]);
    for (const field of [
      'ProjectMembershipList { id admin }',
      'UserList { id email }',
      'ProjectList { id }',
      'LoginList { id }',
    ]) {
      const answer = await north.fhir('$graphql', {
        as: member,
        method: 'POST',
        body: { query: `{ ${field} }` },
        headers: { 'content-type': 'application/json' },
      });
      const [list] = field.split(' ');
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
        200,
        { data: { [list ?? '']: null }, errors: [expect.anything()] },
      ]);
    }
  });

  test('gets no rights from meta, from a configuration or from being the subject of one', async () => {
    const forged = {
      resourceType: 'Patient',
      meta: {
        project: randomUUID(),
        author: { reference: `ClientApplication/${north.project.clientId}` },
        onBehalfOf: { reference: `ClientApplication/${north.project.clientId}` },
        compartment: [{ reference: 'Organization/x' }],
      },
    };
    const created = await north.fhir('Patient', {
      as: limited,
      method: 'POST',
      body: forged,
      headers: { 'x-medplum': 'extended' },
    });
    expect([created.status, created.json.meta]).toMatchObject([
      201,
      { project: north.project.id, author: { reference: `ClientApplication/${limited.clientId}` } },
    ]);
    expect(created.text).not.toContain('onBehalfOf');
    const configuration = await north.fhir('UserConfiguration', {
      as: member,
      method: 'POST',
      body: { resourceType: 'UserConfiguration', option: [{ id: 'admin', valueBoolean: true }] },
    });
    expect(configuration.status).toBe(201);
    expect((await north.fhir('ProjectMembership', { as: member })).status).toBe(403);
  });
});

describe('a project admin', () => {
  test('cannot read the log-ins or the audit of who asked for a password, or write them', async () => {
    await refused(() => [
      north.fhir('UserSecurityRequest', { method: 'POST', body: { resourceType: 'UserSecurityRequest' } }),
    ]);
  });

  test('cannot make another project, nor delete the own one', async () => {
    await refused(
      () => [
        north.fhir('Project', { method: 'POST', body: { resourceType: 'Project', name: 'x' } }),
        north.fhir(`Project/${north.project.id}`, { method: 'DELETE' }),
        north.fhir(`Project/${randomUUID()}`, { method: 'PUT', body: { resourceType: 'Project', id: randomUUID() } }),
      ],
      [400, 403, 404],
    );
  });

  test('is refused on every route with the id of another project, and neither project is changed', async () => {
    const south = await anAdministeredProject(north.plane, await north.plane.createProject('south'));
    const members = await south.found('ProjectMembership');
    const person = { resourceType: 'Practitioner', firstName: 'A', lastName: 'B', email: 'b@example.org' };
    const id = members[0]?.id ?? '';
    const routes: [string, Call][] = [
      ['', {}],
      ['/invite', { method: 'POST', body: person }],
      ['/client', { method: 'POST', body: { name: 'x' } }],
      ['/bot', { method: 'POST', body: { name: 'x' } }],
      ['/secrets', { method: 'POST', body: [] }],
      ['/sites', { method: 'POST', body: [] }],
      [`/members/${id}`, {}],
      [`/members/${id}`, { method: 'POST', body: { ...members[0], admin: false } }],
      [`/members/${id}`, { method: 'DELETE' }],
    ];
    for (const projectId of [south.project.id, randomUUID()]) {
      await refused(() => routes.map(([route, call]) => north.call(`admin/projects/${projectId}${route}`, call)));
    }
    expect(await south.found('ProjectMembership')).toEqual(members);
  });

  test('who is limited by a policy administers the project, and sees of the rest what the policy says', async () => {
    const policy = { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] };
    const admin = await north.member('Limited admin', policy, { admin: true });
    expect((await north.call(`admin/projects/${north.project.id}`, { as: admin })).status).toBe(200);
    expect((await north.fhir('ProjectMembership', { as: admin })).status).toBe(200);
    expect((await north.fhir('Patient', { as: admin })).status).toBe(200);
    expect((await north.fhir('Observation', { as: admin })).status).toBe(403);
  });
});
