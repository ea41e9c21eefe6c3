/**
 * How PostgreSQL carries out the most typical searches: the nodes of the plan and the indexes they use, kept as a
 * snapshot so that a change of a plan is seen in review. Update it on purpose with
 * `npm run jest -- test/conformance/search/plans --selectProjects integration -u`.
 *
 * The data is seeded and small enough for ANALYZE to look at every row, so that the plans are the same in each run.
 */
import type { JsonObject } from '#fhir';
import { SeededRandom } from '#testing';
import { SearchableDatabase } from './searchable-database.js';

const patientCount = 1_500;
const observationCount = 3_000;
const organizationCount = 20;

let database: SearchableDatabase;

beforeAll(async () => {
  database = await SearchableDatabase.create();
  await database.putMany(clinic(new SeededRandom(2_026)));
}, 120_000);
afterAll(() => database?.close());

const searches = [
  'Patient?',
  'Patient?_id=p7',
  'Patient?identifier=http://h.example/mrn|7',
  'Patient?name=fam12&birthdate=1970',
  'Patient?birthdate=ge1970-01-01&birthdate=lt1970-02-01',
  'Patient?gender=female&_sort=-_lastUpdated',
  'Patient?_lastUpdated=gt2026-01-01T00:25:00Z',
  'Patient?_sort=family',
  'Patient?_sort=-birthdate',
  'Patient?organization.name=Organization 3',
  'Patient?_has:Observation:patient:code=http://loinc.org|c7',
  'Observation?patient=p7',
  'Observation?subject=Patient/p7&_sort=-date',
  'Observation?patient=p7&code=http://loinc.org|c7&_sort=-date',
  'Observation?code=http://loinc.org|c7&_sort=-date',
  'Observation?code=http://loinc.org|c7&date=ge2024-01-01&date=lt2025-01-01',
  'Observation?code-value-quantity=http://loinc.org|c7$gt90',
  'Observation?value-quantity=gt98|http://unitsofmeasure.org|mg',
  'Observation?patient.identifier=http://h.example/mrn|7',
  'Patient/p7/Observation?status=final',
  'Observation?_content=remarkable',
];

describe('the plan of', () => {
  it.each(searches)('%s', async (search) => {
    expect((await database.search(`${search}&_count=20`)).ids.length).toBeGreaterThan(0);
    expect(await database.explain(search)).toMatchSnapshot();
  });
});

/** Organizations, Patients and Observations as a clinic has them. */
function clinic(random: SeededRandom): JsonObject[] {
  const day = (from: number, to: number) => new Date(from + random.below(to - from)).toISOString();
  const organizations = Array.from({ length: organizationCount }, (_, number) => ({
    resourceType: 'Organization',
    id: `o${number}`,
    name: `Organization ${number}`,
  }));
  const patients = Array.from({ length: patientCount }, (_, number) => ({
    resourceType: 'Patient',
    id: `p${number}`,
    identifier: [{ system: 'http://h.example/mrn', value: String(number) }],
    name: [{ family: `Fam${random.below(200)}`, given: [`Given${random.below(50)}`] }],
    gender: random.pick(['female', 'male']),
    birthDate: day(Date.UTC(1930, 0), Date.UTC(2020, 0)).slice(0, 10),
    managingOrganization: { reference: `Organization/o${random.below(organizationCount)}` },
  }));
  const observations = Array.from({ length: observationCount }, (_, number) => ({
    resourceType: 'Observation',
    id: `m${number}`,
    status: random.chance(0.9) ? 'final' : 'amended',
    code: { coding: [{ system: 'http://loinc.org', code: `c${number % 40}` }] },
    // Every patient has some, and nobody hundreds.
    subject: { reference: `Patient/p${number % patientCount}` },
    effectiveDateTime: day(Date.UTC(2022, 0), Date.UTC(2026, 0)),
    valueQuantity: { value: random.below(1_000) / 10, system: 'http://unitsofmeasure.org', code: 'mg' },
    ...(number % 100 === 0 ? { note: [{ text: 'Remarkable' }] } : {}),
  }));
  return [...organizations, ...patients, ...observations];
}
