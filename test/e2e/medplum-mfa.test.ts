import {
  ClientStorage,
  type LoginAuthenticationResponse,
  MedplumClient,
  MemoryStorage,
  OperationOutcomeError,
} from '@medplum/core';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';
import { Authenticator } from '../integration/authenticator.fixture.js';
import { closePage, openPage } from './page.js';

interface FactorResponse extends LoginAuthenticationResponse {
  readonly enrollUri?: string;
  readonly enrollQrCode?: string;
}

interface FactorStatus {
  readonly enrolled: boolean;
  readonly enrollUri: string;
}

const owner = { email: 'ana@quay.example', password: 'a-long-password', firstName: 'Ana', lastName: 'Quay' };
const bea = { email: 'bea@quay.example', password: 'another-password' };

let platform: RunningPlatform;
let project: CreatedProject;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('quay-mfa', { owner });
  openPage();
}, 120_000);

afterAll(closePage);
afterAll(() => platform?.stop());

const aClient = (): MedplumClient =>
  new MedplumClient({
    baseUrl: project.baseUrl,
    fetch: globalThis.fetch,
    storage: new ClientStorage(new MemoryStorage()),
  });

const refusalOf = async (work: Promise<unknown>): Promise<string | undefined> => {
  const error = await work.catch((e: unknown) => e);
  return (error as OperationOutcomeError).outcome.issue?.[0]?.details?.text;
};

describe('an unmodified MedplumClient', () => {
  test('sets up a second factor in the account, and asks for a code at the next log-in', async () => {
    const medplum = aClient();
    await medplum.processCode((await medplum.startLogin(owner)).code ?? '');
    const before = await medplum.get<FactorStatus>('auth/mfa/status');
    expect(before.enrolled).toBe(false);
    const authenticator = new Authenticator(before.enrollUri);
    const [wrong = ''] = authenticator.wrongCodes(1);
    expect(await refusalOf(medplum.post('auth/mfa/enroll', { token: wrong }))).toContain('The code is wrong');
    await medplum.post('auth/mfa/enroll', { token: authenticator.code() });
    medplum.invalidateAll();
    expect(await medplum.get('auth/mfa/status')).toEqual({ enrolled: true });

    const other = aClient();
    const waiting = await other.startLogin(owner);
    expect(waiting).toEqual({ login: waiting.login, mfaRequired: true });
    const done = (await other.post('auth/mfa/verify', {
      login: waiting.login,
      token: authenticator.code(1),
    })) as FactorResponse;
    const profile = await other.processCode(done.code ?? '');
    expect(profile).toMatchObject({ resourceType: 'Practitioner', name: [{ family: 'Quay' }] });
    expect(await other.search('Patient', '_count=1')).toMatchObject({ resourceType: 'Bundle' });
  });

  test('invites somebody who must have a second factor, who sets it up at the first log-in', async () => {
    const admin = aClient();
    await admin.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);
    await admin.invite(project.id, {
      resourceType: 'Practitioner',
      firstName: 'Bea',
      lastName: 'Quay',
      ...bea,
      sendEmail: false,
      mfaRequired: true,
    });
    const medplum = aClient();
    const waiting = (await medplum.startLogin(bea)) as FactorResponse;
    expect(waiting).toMatchObject({ mfaEnrollRequired: true, enrollQrCode: expect.stringMatching(/^data:image/) });
    const authenticator = new Authenticator(waiting.enrollUri ?? '');
    const done = (await medplum.post('auth/mfa/login-enroll', {
      login: waiting.login,
      token: authenticator.code(),
    })) as FactorResponse;
    expect(await medplum.processCode(done.code ?? '')).toMatchObject({ name: [{ given: ['Bea'] }] });
    expect(await medplum.startLogin(bea)).toMatchObject({ mfaRequired: true });
  });
});
