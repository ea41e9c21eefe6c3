import {
  ClientStorage,
  type LoginAuthenticationResponse,
  MedplumClient,
  MemoryStorage,
  OperationOutcomeError,
} from '@medplum/core';
import type { Patient } from '@medplum/fhirtypes';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';
import { closePage, openPage } from './page.js';

const owner = { email: 'ana@quay.example', password: 'a-long-password', firstName: 'Ana', lastName: 'Quay' };

let platform: RunningPlatform;
let project: CreatedProject;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('quay-identity', { owner });
  openPage();
}, 120_000);

afterAll(closePage);
afterAll(() => platform?.stop());

const aClient = (options: object = {}): MedplumClient =>
  new MedplumClient({
    baseUrl: project.baseUrl,
    fetch: globalThis.fetch,
    storage: new ClientStorage(new MemoryStorage()),
    ...options,
  });

const complete = async (medplum: MedplumClient, response: LoginAuthenticationResponse): Promise<string | undefined> =>
  (await medplum.processCode(response.code ?? '')).id;

describe('an unmodified MedplumClient', () => {
  test('signs a person in with a password, and knows their profile', async () => {
    const medplum = aClient();
    const response = await medplum.startLogin({ ...owner, remember: false });
    expect(Object.keys(response).sort()).toEqual(['code', 'login']);
    const id = await complete(medplum, response);
    expect(medplum.getProfile()).toMatchObject({ resourceType: 'Practitioner', id, name: [{ family: 'Quay' }] });
    expect(medplum.getProject()?.id).toBe(project.id);
    expect(medplum.isProjectAdmin()).toBe(true);
    expect(medplum.getUserConfiguration()?.menu?.[0]?.title).toBe('Favorites');
    expect(medplum.getActiveLogin()).toMatchObject({
      profile: { display: 'Ana Quay' },
      project: { display: 'quay-identity' },
    });
    expect(medplum.getAccessPolicy()?.resource?.length).toBeGreaterThan(0);
    const patient = await medplum.createResource<Patient>({ resourceType: 'Patient', active: true });
    expect(patient.meta?.author?.reference).toBe(`Practitioner/${id}`);
  });

  test('says what is wrong, at the field where it is', async () => {
    const medplum = aClient();
    const error = await medplum.startLogin({ email: owner.email, password: 'wrong-password' }).catch((e: unknown) => e);
    expect((error as OperationOutcomeError).outcome.issue?.[0]?.details?.text).toBe('Email or password is wrong');
    const missing = await medplum.startLogin({ email: '', password: '' }).catch((e: unknown) => e);
    expect((missing as OperationOutcomeError).outcome.issue?.map((issue) => issue.expression?.[0]).sort()).toEqual([
      'email',
      'password',
    ]);
    expect(medplum.getProfile()).toBeUndefined();
  });

  test('is refreshed without its user, and signs out', async () => {
    let expire = false;
    const signedOut: boolean[] = [];
    const medplum = aClient({
      onUnauthenticated: () => signedOut.push(true),
      fetch: (url: string, init: RequestInit) => {
        const headers = init.headers as Record<string, string>;
        // What the server says to a token that has expired.
        if (expire && !url.includes('oauth2/token')) {
          expire = false;
          return globalThis.fetch(url, { ...init, headers: { ...headers, Authorization: 'Bearer expired' } });
        }
        return globalThis.fetch(url, init);
      },
    });
    await complete(medplum, await medplum.startLogin({ ...owner, remember: true }));
    const [before, refreshToken] = [medplum.getAccessToken(), medplum.getActiveLogin()?.refreshToken];
    expect(refreshToken).toBeDefined();
    expire = true;
    expect(await medplum.search('Patient', '_count=1')).toMatchObject({ resourceType: 'Bundle' });
    expect(medplum.getAccessToken()).not.toBe(before);
    expect(medplum.getActiveLogin()?.refreshToken).not.toBe(refreshToken);
    const token = medplum.getAccessToken();
    await medplum.signOut();
    expect([medplum.getProfile(), medplum.getLogins(), signedOut]).toEqual([undefined, [], []]);
    const me = await fetch(`${project.baseUrl}auth/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(me.status).toBe(401);
  });

  test('keeps two memberships apart as two log-ins, between which its user changes', async () => {
    const admin = aClient();
    await complete(admin, await admin.startLogin(owner));
    const person = { email: 'bea@quay.example', password: 'another-password' };
    const membershipOf = async (organization: string, more: object): Promise<string> => {
      const profile = await admin.createResource({
        resourceType: 'Practitioner',
        name: [{ given: ['Bea'], family: organization }],
      });
      const membership = (await admin.invite(project.id, {
        resourceType: 'Practitioner',
        firstName: 'Bea',
        lastName: organization,
        sendEmail: false,
        ...person,
        ...more,
        membership: { profile: { reference: `Practitioner/${profile.id}` } },
      })) as { id: string };
      return membership.id;
    };
    const anchor = await membershipOf('Anchor', {});
    const bay = await membershipOf('Bay', { forceNewMembership: true });

    const medplum = aClient();
    const profiles: string[] = [];
    for (const id of [anchor, bay]) {
      const { login, memberships } = await medplum.startLogin(person);
      expect(memberships?.map((membership) => membership.id).sort()).toEqual([anchor, bay].sort());
      const chosen = (await medplum.post('auth/profile', { login, profile: id })) as LoginAuthenticationResponse;
      profiles.push((await complete(medplum, chosen)) ?? '');
    }
    expect(medplum.getLogins()).toHaveLength(2);
    expect(medplum.getProfile()?.id).toBe(profiles[1]);
    const first = medplum.getLogins().find((login) => login.profile.reference === `Practitioner/${profiles[0]}`);
    await medplum.setActiveLogin(first!);
    expect(medplum.getProfile()).toMatchObject({ id: profiles[0], name: [{ family: 'Anchor' }] });
    const written = await medplum.createResource<Patient>({ resourceType: 'Patient' });
    expect(written.meta?.author?.reference).toBe(`Practitioner/${profiles[0]}`);
  });

  test('configured with a client takes tokens of that client only', async () => {
    const admin = aClient();
    await complete(admin, await admin.startLogin(owner));
    const client = (await admin.post(`admin/projects/${project.id}/client`, { name: 'App' })) as { id: string };
    const medplum = aClient({ clientId: client.id });
    expect(await complete(medplum, await medplum.startLogin(owner))).toBe(admin.getProfile()?.id);
    // Signed in without naming the client, the tokens are not its own.
    const { code } = await medplum.startLogin({ ...owner, clientId: '' });
    await expect(medplum.processCode(code ?? '')).rejects.toThrow();
  });

  test('signs in a client by its secret', async () => {
    const medplum = aClient();
    await medplum.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);
    expect(medplum.getProfile()).toMatchObject({ resourceType: 'ClientApplication', id: project.adminClient.clientId });
  });

  test('is told that registration is closed and projects are made elsewhere', async () => {
    const medplum = aClient();
    const newcomer = { firstName: 'Pat', lastName: 'New', email: 'pat@example.org', password: 'long-enough' };
    const error = await medplum.startNewUser({ ...newcomer, remember: true } as never).catch((e: unknown) => e);
    expect((error as OperationOutcomeError).outcome.issue?.[0]?.details?.text).toBe('Registration is not open here');
    const { login } = await medplum.startLogin({ ...owner, projectId: 'new' });
    const refused = await medplum.startNewProject({ login, projectName: 'Mine' }).catch((e: unknown) => e);
    expect(refused).toBeInstanceOf(OperationOutcomeError);
  });
});
