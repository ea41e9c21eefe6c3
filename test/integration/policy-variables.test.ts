/** The variables of a policy: filled in for each member, while what is stored keeps them. */
import { type AdministeredProject, aProjectWithAdmin, type Member, type Stored } from './admin.fixture.js';

let project: AdministeredProject;
let policy: Stored;
const patients = { a: '', b: '', c: '' };

type Clinic = keyof typeof patients;

const clinics: Clinic[] = ['a', 'b', 'c'];
const organizationOf = (clinic: Clinic) => `Organization/${clinic}`;

/** A member of these clinics, by one entry with several values. */
const memberOf = (...of: Clinic[]): Promise<Member> =>
  project.member(`Member of ${of.join()}`, undefined, {
    access: [
      {
        policy: { reference: `AccessPolicy/${policy.id}` },
        parameter: of.map((clinic) => ({
          name: 'organization',
          valueReference: { reference: organizationOf(clinic) },
        })),
      },
    ],
  });

beforeAll(async () => {
  project = await aProjectWithAdmin();
  policy = await project.store({
    resourceType: 'AccessPolicy',
    compartment: { reference: '%organization' },
    resource: [
      { resourceType: 'Patient', criteria: 'Patient?organization=%organization' },
      {
        resourceType: 'Basic',
        compartment: { reference: '%organization' },
        writeConstraint: [
          { language: 'text/fhirpath', expression: "author.reference = %organization or '%profile' = ''" },
        ],
      },
    ],
  });
  for (const clinic of clinics) {
    const managingOrganization = { reference: organizationOf(clinic) };
    patients[clinic] = (await project.store({ resourceType: 'Patient', active: true, managingOrganization })).id;
  }
}, 60_000);
afterAll(() => project?.plane.close());

test('a stored policy keeps its variables; only the effective policies of its members are filled in', async () => {
  const [one, two] = [await memberOf('a'), await memberOf('b')];
  for (const [member, clinic] of [
    [one, 'a'],
    [two, 'b'],
  ] as const) {
    const { accessPolicy } = JSON.parse((await project.call('auth/me', { as: member })).text) as {
      accessPolicy: Stored;
    };
    expect(accessPolicy).toMatchObject({
      basedOn: [{ reference: `AccessPolicy/${policy.id}` }],
      compartment: { reference: organizationOf(clinic) },
    });
    expect(JSON.stringify(accessPolicy)).toContain(`Patient?organization=${organizationOf(clinic)}`);
    expect(JSON.stringify(accessPolicy)).not.toMatch(/%(?:organization|profile)/);
  }
  expect(JSON.parse((await project.fhir(`AccessPolicy/${policy.id}`)).text)).toMatchObject(
    JSON.parse(JSON.stringify(policy)),
  );
});

test('a search that is posted finds for each member what one by GET finds, whatever its form asks for', async () => {
  const member = await memberOf('a', 'c');
  const ask = async (form: string): Promise<string[]> => {
    const answer = await project.fhir('Patient/_search', {
      method: 'POST',
      as: member,
      body: form,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const found = (answer.json.entry ?? []).map(({ resource }) => resource.id);
    expect(answer.json.total).toBe(found.length);
    return found.sort();
  };
  const both = [patients.a, patients.c].sort();
  expect(await ask('_total=accurate')).toEqual(both);
  expect(await ask('active=true&_total=accurate')).toEqual(both);
  expect(await ask(`_id=${Object.values(patients).join()}&_total=estimate`)).toEqual(both);
  expect(await ask(`organization=${organizationOf('b')}&_total=accurate`)).toEqual([]);
  const refused = await project.fhir('Observation/_search', {
    method: 'POST',
    as: member,
    body: '_total=accurate',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect([refused.status, refused.json.id]).toEqual([403, 'forbidden']);
});
