/** The three ways to let people work for several tenants of one project, each with an unmodified MedplumClient. */
import { ClientStorage, MedplumClient, MemoryStorage, OperationOutcomeError } from '@medplum/core';
import type {
  AccessPolicy,
  Observation,
  Organization,
  Patient,
  ProjectMembership,
  UserConfiguration,
} from '@medplum/fhirtypes';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';
import { closePage, openPage } from './page.js';

let platform: RunningPlatform;
let project: CreatedProject;
let admin: MedplumClient;
let policy: string;
const clinics = { a: '', b: '', c: '' };
const patients = { a: '', b: '', c: '' };

const reference = (clinic: keyof typeof clinics): string => `Organization/${clinics[clinic]}`;

const newClient = (storage = new ClientStorage(new MemoryStorage())): MedplumClient =>
  new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch, cacheTime: 0, storage });

const accessTo = (...allowed: (keyof typeof clinics)[]) => [
  {
    policy: { reference: `AccessPolicy/${policy}` },
    parameter: allowed.map((clinic) => ({
      name: 'organization',
      valueReference: { reference: reference(clinic), display: `Clinic ${clinic}` },
    })),
  },
];

const invite = (body: object): Promise<ProjectMembership> =>
  admin.post(`admin/projects/${project.id}/invite`, {
    resourceType: 'Practitioner',
    firstName: 'George',
    lastName: 'Washington',
    sendEmail: false,
    password: 'correct-horse',
    ...body,
  });

const idsOf = async (client: MedplumClient, query = ''): Promise<(string | undefined)[]> =>
  (await client.searchResources('Patient', query)).map(({ id }) => id).sort();

const refusal = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => (error instanceof OperationOutcomeError ? error.outcome.id : String(error)),
  );

beforeAll(async () => {
  openPage();
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('mso');
  admin = newClient();
  await admin.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);
  const created = await admin.createResource<AccessPolicy>({
    resourceType: 'AccessPolicy',
    name: 'MSO tenant policy',
    compartment: { reference: '%organization' },
    resource: [
      { resourceType: 'Patient', criteria: 'Patient?_compartment=%organization' },
      { resourceType: 'Observation', criteria: 'Observation?_compartment=%organization' },
      { resourceType: 'Organization', criteria: 'Organization?_id=%organization', readonly: true },
      { resourceType: 'UserConfiguration' },
    ],
  });
  policy = created.id ?? '';
  for (const clinic of ['a', 'b', 'c'] as const) {
    clinics[clinic] = (
      await admin.createResource<Organization>({ resourceType: 'Organization', name: `Clinic ${clinic}` })
    ).id;
    const patient = {
      resourceType: 'Patient',
      meta: { accounts: [{ reference: reference(clinic) }] },
      name: [{ family: clinic }],
    };
    patients[clinic] = (await admin.createResource(patient as Patient)).id ?? '';
  }
}, 120_000);

afterAll(closePage);
afterAll(() => platform?.stop());

describe('strict isolation: one membership per tenant', () => {
  const email = 'dr.gw@example.gov';

  beforeAll(async () => {
    await invite({ email, membership: { access: accessTo('a') } });
    const second = { email, membership: { access: accessTo('b') } };
    expect(await refusal(invite(second))).toBe('conflict');
    await invite({ ...second, forceNewMembership: true });
  });

  test('the login asks which membership is meant, and the token sees its tenant only', async () => {
    const seen: unknown[] = [];
    for (const place of [0, 1]) {
      const client = newClient();
      const login = await client.startLogin({ email, password: 'correct-horse' });
      expect(login.memberships).toHaveLength(2);
      const chosen = await client.post('auth/profile', {
        login: login.login,
        profile: login.memberships?.[place]?.id,
      });
      await client.processCode((chosen as { code: string }).code);
      seen.push(await idsOf(client));
    }
    expect(seen).toEqual([[patients.a], [patients.b]]);
  });

  test('a tenant that the client wishes for is empty when it is not the one of its token', async () => {
    const client = newClient();
    const login = await client.startLogin({ email, password: 'correct-horse' });
    const chosen = await client.post('auth/profile', { login: login.login, profile: login.memberships?.[0]?.id });
    await client.processCode((chosen as { code: string }).code);
    expect(await idsOf(client, `_compartment=${reference('b')}`)).toEqual([]);
    expect(await refusal(client.readResource('Patient', patients.b))).toBe('forbidden');
  });

  test('saved log-ins of different profiles are kept side by side and switched without signing in again', async () => {
    const client = newClient();
    for (const clinic of ['a', 'b'] as const) {
      const own = `nia.${clinic}@example.gov`;
      await invite({ email: own, firstName: 'Nia', membership: { access: accessTo(clinic) } });
      const login = await client.startLogin({ email: own, password: 'correct-horse' });
      await client.processCode(login.code ?? '');
    }
    expect(client.getLogins()).toHaveLength(2);
    const seen: unknown[] = [];
    for (const login of client.getLogins()) {
      await client.setActiveLogin(login);
      seen.push(await idsOf(client));
    }
    expect(seen).toEqual(expect.arrayContaining([[patients.a], [patients.b]]));
  });
});

describe('one membership for several tenants', () => {
  const email = 'several@example.gov';
  let client: MedplumClient;
  let membership: ProjectMembership;

  beforeAll(async () => {
    membership = await invite({ email, membership: { access: accessTo('a', 'b') } });
    client = newClient();
    const login = await client.startLogin({ email, password: 'correct-horse' });
    await client.processCode(login.code ?? '');
  });

  test('all allowed tenants are seen without a filter, and a filter narrows them', async () => {
    expect(await idsOf(client)).toEqual([patients.a, patients.b].sort());
    expect(await idsOf(client, `_compartment=${reference('a')}`)).toEqual([patients.a]);
    expect(await idsOf(client, `_compartment=${reference('a')},${reference('b')}`)).toEqual(
      [patients.a, patients.b].sort(),
    );
  });

  test('a tenant outside the allowed ones gives an empty result, never data and never an error', async () => {
    expect(await idsOf(client, `_compartment=${reference('c')}`)).toEqual([]);
    expect(await idsOf(client, `_compartment=${reference('a')},${reference('c')}`)).toEqual([patients.a]);
    expect(await idsOf(client, '_compartment=Organization/unknown')).toEqual([]);
    const bundle = await client.search('Patient', `_compartment=${reference('c')}&_total=accurate`);
    expect([bundle.total, bundle.entry]).toEqual([0, undefined]);
    expect(await refusal(client.readResource('Patient', patients.c))).toBe('forbidden');
  });

  test('several entries with one tenant each mean the same', async () => {
    const other = 'entries@example.gov';
    await invite({ email: other, membership: { access: [...accessTo('a'), ...accessTo('b')] } });
    const own = newClient();
    await own.processCode((await own.startLogin({ email: other, password: 'correct-horse' })).code ?? '');
    expect(await idsOf(own)).toEqual([patients.a, patients.b].sort());
    expect(await idsOf(own, `_compartment=${reference('c')}`)).toEqual([]);
  });

  test('the tenants of the selector are listed, and the active one follows the user', async () => {
    expect(await client.get('auth/tenants')).toEqual([
      { reference: reference('a'), display: 'Clinic a' },
      { reference: reference('b'), display: 'Clinic b' },
    ]);
    const activeTenant = (clinic: keyof typeof clinics) => ({
      resourceType: 'UserConfiguration',
      option: [{ id: 'activeTenant', valueReference: { reference: reference(clinic) } }],
    });
    const configuration = await client.createResource(activeTenant('b') as unknown as UserConfiguration);
    const stored = await admin.readResource('ProjectMembership', membership.id ?? '');
    await admin.updateResource({
      ...stored,
      userConfiguration: { reference: `UserConfiguration/${configuration.id}` },
    });
    const options = async (): Promise<unknown> =>
      (await client.get<{ config: { option?: unknown } }>('auth/me')).config.option;
    expect(await options()).toEqual(activeTenant('b').option);

    // A wish for a tenant that is not allowed is saved like any other preference, and never comes back.
    const wish = { ...activeTenant('c'), id: configuration.id };
    await client.updateResource(wish as unknown as UserConfiguration);
    expect(await options()).toBeUndefined();
    expect(await idsOf(client)).toEqual([patients.a, patients.b].sort());
  });

  test('what is created is filed under the first tenant unless an allowed one is named', async () => {
    const accountsOf = async (meta: object): Promise<unknown> => {
      const resource = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, ...meta };
      const created = await client.createResource(resource as unknown as Observation);
      return (created.meta as { accounts?: object[] }).accounts;
    };
    const named = (clinic: keyof typeof clinics) => ({ meta: { accounts: [{ reference: reference(clinic) }] } });
    expect(await accountsOf({})).toMatchObject([{ reference: reference('a') }]);
    expect(await accountsOf(named('b'))).toMatchObject([{ reference: reference('b') }]);
    expect(await accountsOf(named('c'))).toMatchObject([{ reference: reference('a') }]);
  });

  test('a tenant that is taken away is gone with the next request', async () => {
    const stored = await admin.readResource('ProjectMembership', membership.id ?? '');
    await admin.updateResource<ProjectMembership>({ ...stored, access: accessTo('b') });
    expect(await idsOf(client)).toEqual([patients.b]);
    await admin.updateResource<ProjectMembership>({ ...stored, access: accessTo('a', 'b') });
    expect(await idsOf(client)).toEqual([patients.a, patients.b].sort());
  });
});

describe('the unified view', () => {
  test('without tenant criteria the project is the border', async () => {
    const email = 'unified@example.gov';
    const everything = await admin.createResource<AccessPolicy>({
      resourceType: 'AccessPolicy',
      resource: [{ resourceType: 'Patient', readonly: true }],
    });
    await invite({ email, membership: { access: [{ policy: { reference: `AccessPolicy/${everything.id}` } }] } });
    const client = newClient();
    await client.processCode((await client.startLogin({ email, password: 'correct-horse' })).code ?? '');
    expect(await idsOf(client)).toEqual(Object.values(patients).sort());
    expect(await idsOf(client, `_compartment=${reference('c')}`)).toEqual([patients.c]);
    expect(await client.get('auth/tenants')).toEqual([]);
  });
});
