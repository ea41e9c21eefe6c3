/**
 * A public guide to multi-tenant access control, step by step with its own JSON: one policy with a parameter, two
 * organizations, what is filed under each, and a practitioner invited to each.
 */
import { MedplumClient, OperationOutcomeError } from '@medplum/core';
import type { AccessPolicy, Organization, Patient, Questionnaire } from '@medplum/fhirtypes';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';
import { closePage, openPage } from './page.js';

let platform: RunningPlatform;
let project: CreatedProject;
let admin: MedplumClient;
let organizations: { a: string; b: string };
let policyId: string;
let questionnaires: { a: Questionnaire; b: Questionnaire };
let patients: { a: Patient; b: Patient };
let practitioners: { a: MedplumClient; b: MedplumClient };

const policy = {
  resourceType: 'AccessPolicy',
  id: 'multi-tenant-org-policy',
  name: 'Multi-Tenant Organization Access Policy',
  compartment: { reference: '%current_organization' },
  resource: [
    { resourceType: 'ValueSet' },
    { resourceType: 'CodeSet' },
    { resourceType: 'Organization', criteria: 'Organization?_id=%current_organization', readonly: true },
    { resourceType: 'Practitioner', criteria: 'Practitioner?organization=%current_organization' },
    { resourceType: 'Questionnaire', criteria: 'Questionnaire?_compartment=%current_organization' },
    { resourceType: 'Patient', criteria: 'Patient?organization=%current_organization', readonly: true },
  ],
};

const questionnaireOf = (organization: string): object => ({
  resourceType: 'Questionnaire',
  meta: { accounts: [{ reference: `Organization/${organization}` }] },
  title: 'Experience Rating Questionnaire',
  status: 'active',
  item: [
    {
      linkId: '1',
      text: 'How would you rate your overall experience?',
      type: 'choice',
      answerOption: [{ valueCoding: { system: 'http://example.org/rating', code: '5', display: 'Excellent' } }],
    },
  ],
});

const invitationTo = (organization: string, name: string): object => ({
  resourceType: 'Practitioner',
  firstName: 'Practitioner',
  lastName: name,
  email: `practitioner.${name.toLowerCase()}@example.com`,
  sendEmail: 'false',
  password: 'foobar',
  membership: {
    access: [
      {
        policy: { reference: `AccessPolicy/${policyId}` },
        parameter: [{ name: 'current_organization', valueReference: { reference: `Organization/${organization}` } }],
      },
    ],
  },
});

async function signIn(email: string, password: string): Promise<MedplumClient> {
  const client = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch, cacheTime: 0 });
  const login = await client.startLogin({ email, password });
  expect(login.memberships).toBeUndefined();
  await client.processCode(login.code ?? '');
  return client;
}

/** The id of the outcome with which a call is refused; undefined when it is not. */
const refusal = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => (error instanceof OperationOutcomeError ? error.outcome.id : String(error)),
  );

beforeAll(async () => {
  openPage();
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('guide-clinic');
  admin = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch, cacheTime: 0 });
  await admin.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);

  policyId = (await admin.createResource(policy as AccessPolicy)).id;
  const organization = async (name: string): Promise<string> =>
    (await admin.createResource<Organization>({ resourceType: 'Organization', name })).id;
  organizations = { a: await organization('Organization A'), b: await organization('Organization B') };

  const { a, b } = organizations;
  const questionnaire = (of: string): Promise<Questionnaire> =>
    admin.createResource(questionnaireOf(of) as Questionnaire);
  questionnaires = { a: await questionnaire(a), b: await questionnaire(b) };
  const patient = (of: string): Promise<Patient> =>
    admin.createResource({ resourceType: 'Patient', managingOrganization: { reference: `Organization/${of}` } });
  patients = { a: await patient(a), b: await patient(b) };

  await admin.post(`admin/projects/${project.id}/invite`, invitationTo(a, 'A.1'));
  await admin.post('admin/invite', invitationTo(b, 'B.1'));
  practitioners = {
    a: await signIn('practitioner.a.1@example.com', 'foobar'),
    b: await signIn('practitioner.b.1@example.com', 'foobar'),
  };
}, 120_000);

afterAll(closePage);
afterAll(() => platform?.stop());

describe.each(['a', 'b'] as const)('the practitioner of organization %s', (own) => {
  const other = own === 'a' ? 'b' : 'a';

  test('has the profile and the policy of the invitation', () => {
    const client = practitioners[own];
    expect(client.getProfile()).toMatchObject({ resourceType: 'Practitioner', name: [{ given: ['Practitioner'] }] });
    expect(client.getAccessPolicy()).toMatchObject({
      compartment: { reference: `Organization/${organizations[own]}` },
      basedOn: [{ reference: `AccessPolicy/${policyId}` }],
    });
  });

  test('sees the own organization only', async () => {
    const client = practitioners[own];
    expect((await client.searchResources('Organization')).map(({ id }) => id)).toEqual([organizations[own]]);
    expect((await client.readResource('Organization', organizations[own])).id).toBe(organizations[own]);
    expect(await refusal(client.readResource('Organization', organizations[other]))).toBe('forbidden');
  });

  test('sees the questionnaires that are filed under it', async () => {
    const client = practitioners[own];
    expect((await client.searchResources('Questionnaire')).map(({ id }) => id)).toContain(questionnaires[own].id);
    expect((await client.searchResources('Questionnaire')).map(({ id }) => id)).not.toContain(questionnaires[other].id);
    expect(await refusal(client.readResource('Questionnaire', questionnaires[other].id ?? ''))).toBe('forbidden');
    const narrowed = `_compartment=Organization/${organizations[other]}`;
    expect(await client.searchResources('Questionnaire', narrowed)).toHaveLength(0);
  });

  test('reads the patients of the organization, and cannot change them', async () => {
    const client = practitioners[own];
    expect((await client.searchResources('Patient')).map(({ id }) => id)).toEqual([patients[own].id]);
    expect(await refusal(client.readResource('Patient', patients[other].id ?? ''))).toBe('forbidden');
    expect(await refusal(client.updateResource({ ...patients[own], active: true }))).toBe('forbidden');
    expect(await refusal(client.createResource<Patient>({ resourceType: 'Patient' }))).toBe('forbidden');
  });

  test('files new questionnaires under the own organization, whatever the body says', async () => {
    const created = await practitioners[own].createResource(questionnaireOf(organizations[other]) as Questionnaire);
    const accounts = (created.meta as { accounts?: { reference: string }[] }).accounts;
    expect(accounts?.map(({ reference }) => reference)).toEqual([`Organization/${organizations[own]}`]);
    expect(await refusal(practitioners[other].readResource('Questionnaire', created.id ?? ''))).toBe('forbidden');
  });

  test('gets nothing of practitioners, for whom the standard knows no such parameter, and no error either', async () => {
    expect(await refusal(practitioners[own].searchResources('Practitioner'))).toBe('forbidden');
  });

  test('gets nothing of the types that the policy does not name', async () => {
    for (const type of ['Observation', 'ProjectMembership', 'User', 'AccessPolicy'] as const) {
      expect(await refusal(practitioners[own].searchResources(type))).toBe('forbidden');
    }
  });
});
