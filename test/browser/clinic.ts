/** What the tests find: a project with two clinics, their patients, and people who may see one clinic each. */
import { MedplumClient } from '@medplum/core';
import type { ProjectMembership, Resource } from '@medplum/fhirtypes';
import type { CreatedProject, RunningPlatform } from '#testing';

export interface Person {
  readonly email: string;
  readonly password: string;
}

export interface Clinic {
  readonly project: CreatedProject;
  /** Acts as the project's admin, besides the browser. */
  readonly admin: MedplumClient;
  /** The owner, an admin whom no policy limits. */
  readonly owner: Person;
  /** A practitioner of the clinic Anchor. */
  readonly mira: Person;
  /** One person with two memberships: as Jo Anchor at the one clinic, as Jo Bay at the other. */
  readonly jo: Person;
  /** A practitioner of the clinic Anchor who will have to leave. */
  readonly kim: Person;
  /** The ids of the resources, by the names that the tests know them by. */
  readonly ids: Record<
    'anchor' | 'ada' | 'ben' | 'cleo' | 'preliminary' | 'final' | 'policy' | 'mira' | 'membershipOfKim',
    string
  >;
}

const owner = { email: 'ana@clinic.example', password: 'correct-horse', firstName: 'Ana', lastName: 'Quay' };
const mira = { email: 'mira@clinic.example', password: 'correct-horse' };
const jo = { email: 'jo@clinic.example', password: 'correct-horse' };
const kim = { email: 'kim@clinic.example', password: 'correct-horse' };

/** Makes the project and everything in it, as its admin would. */
export async function openClinic(platform: RunningPlatform): Promise<Clinic> {
  const project = await platform.createProject('clinic', { owner });
  const admin = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch, cacheTime: 0 });
  await admin.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);

  const create = async (resource: object): Promise<string> => (await admin.createResource(resource as Resource)).id;
  const anchor = await create({ resourceType: 'Organization', name: 'Anchor Clinic' });
  const bay = await create({ resourceType: 'Organization', name: 'Bay Clinic' });
  const patient = (clinic: string, given: string, family: string): Promise<string> =>
    create({
      resourceType: 'Patient',
      meta: { accounts: [{ reference: `Organization/${clinic}` }] },
      name: [{ given: [given], family }],
      birthDate: '1980-05-04',
      telecom: [{ system: 'phone', value: `555-${family}` }],
    });
  const ada = await patient(anchor, 'Ada', 'Alder');
  const ben = await patient(anchor, 'Ben', 'Aspen');
  const cleo = await patient(bay, 'Cleo', 'Birch');
  const called = (patientId: string, text: string): Promise<string> =>
    create({
      resourceType: 'Communication',
      status: 'completed',
      subject: { reference: `Patient/${patientId}` },
      payload: [{ contentString: text }],
    });
  await called(ada, 'Called Ada about the results');
  await called(cleo, 'Called Cleo about the results');
  const observation = (status: string): Promise<string> =>
    create({
      resourceType: 'Observation',
      status,
      code: { text: 'Heart rate' },
      subject: { reference: `Patient/${ada}` },
      valueQuantity: { value: 72, unit: '/min' },
    });
  const preliminary = await observation('preliminary');
  const final = await observation('final');

  const policy = await create(clinicPolicy);
  const invite = async (
    person: Person,
    [given, family, profileId]: readonly [string, string, string],
    clinic: string,
    forceNewMembership = false,
  ): Promise<string> => {
    const configuration = await create({
      resourceType: 'UserConfiguration',
      menu: [{ title: 'Clinic', link: [{ name: 'Patients', target: '/Patient' }] }],
    });
    const membership = (await admin.post(`admin/projects/${project.id}/invite`, {
      ...person,
      resourceType: 'Practitioner',
      firstName: given,
      lastName: family,
      sendEmail: false,
      forceNewMembership,
      membership: {
        profile: { reference: `Practitioner/${profileId}` },
        userConfiguration: { reference: `UserConfiguration/${configuration}` },
        access: [
          {
            policy: { reference: `AccessPolicy/${policy}` },
            parameter: [
              { name: 'organization', valueReference: { reference: `Organization/${clinic}` } },
              { name: 'configuration', valueReference: { reference: `UserConfiguration/${configuration}` } },
            ],
          },
        ],
      } satisfies Partial<ProjectMembership>,
    })) as ProjectMembership;
    return membership.id ?? '';
  };
  const practitioner = async (given: string, family: string): Promise<readonly [string, string, string]> => {
    const id = await create({ resourceType: 'Practitioner', name: [{ given: [given], family }] });
    return [given, family, id];
  };
  const miraProfile = await practitioner('Mira', 'Sander');
  await invite(mira, miraProfile, anchor);
  await invite(jo, await practitioner('Jo', 'Anchor'), anchor);
  await invite(jo, await practitioner('Jo', 'Bay'), bay, true);
  const membershipOfKim = await invite(kim, await practitioner('Kim', 'Leaver'), anchor);

  const ids = { anchor, ada, ben, cleo, preliminary, final, policy, mira: miraProfile[2], membershipOfKim };
  return { project, admin, owner, mira, jo, kim, ids };
}

/** A clinic's own patients and what is about them; final observations are locked, telephone numbers are hidden. */
const clinicPolicy = {
  resourceType: 'AccessPolicy',
  name: 'Clinic staff',
  compartment: { reference: '%organization' },
  resource: [
    {
      resourceType: 'Patient',
      criteria: 'Patient?_compartment=%organization',
      hiddenFields: ['telecom'],
      readonlyFields: ['birthDate'],
    },
    { resourceType: 'Observation', criteria: 'Observation?_compartment=%organization&status=preliminary' },
    { resourceType: 'Observation', criteria: 'Observation?_compartment=%organization', readonly: true },
    { resourceType: 'Communication', criteria: 'Communication?_compartment=%organization' },
    { resourceType: 'Media', criteria: 'Media?_compartment=%organization' },
    { resourceType: 'Binary' },
    { resourceType: 'Organization', criteria: 'Organization?_id=%organization', readonly: true },
    { resourceType: 'Practitioner', readonly: true },
    { resourceType: 'UserConfiguration', criteria: 'UserConfiguration?_id=%configuration' },
  ],
};
