import { expectStatus, type CreatedProject } from '#testing';
import { tidyDatabase } from './databases.js';
import { withEnvironment } from './environment.js';
import { clinicBundle, familyOf, minuteOf, PER_PATIENT, recordNumberOf } from './growing-clinic.js';
import { percentile, publish, round } from './report.js';
import { seededRandom } from './seeded-resources.js';

const SIZES = [10_000, 100_000, 1_000_000] as const;
const PATIENTS_PER_BUNDLE = 50;
const PARALLEL = 2;
/** Requests of one search at one size, one after another; the first third is not counted. */
const REQUESTS = 300;
const MAX_GROWTH = 1.5;

/** What is asked, of the n-th Patient. */
type Search = (index: number, id: string) => string;

const searches: Record<string, Search> = {
  'read by id': (_index, id) => `Patient/${id}`,
  'by identifier': (index) => `Patient?identifier=urn:boxyard:bench:mrn%7C${recordNumberOf(index)}`,
  'by family name': (index) => `Patient?family:exact=${familyOf(index)}`,
  'by name prefix, sorted by birth date': (index) => `Patient?family=${familyOf(index)}&_sort=birthdate`,
  'Observations of a Patient, newest first': (_index, id) => `Observation?subject=Patient/${id}&_sort=-date`,
  'Observations of a Patient with a code': (_index, id) =>
    `Observation?subject=Patient/${id}&code=http://loinc.org%7C8867-4`,
  'Observations of a minute': (index) => `Observation?date=${minuteOf(index)}Z&_count=100`,
  'Observations in a compartment': (_index, id) => `Patient/${id}/Observation`,
  'chain: by the identifier of the subject': (index) =>
    `Observation?subject:Patient.identifier=urn:boxyard:bench:mrn%7C${recordNumberOf(index)}`,
  '_has: Patients with an Observation': (index) =>
    `Patient?identifier=urn:boxyard:bench:mrn%7C${recordNumberOf(index)}&_has:Observation:subject:code=http://loinc.org%7C8867-4`,
  '_revinclude: a Patient with its Observations': (index) =>
    `Patient?identifier=urn:boxyard:bench:mrn%7C${recordNumberOf(index)}&_revinclude=Observation:subject`,
};

/**
 * The same searches in one tenant at 10,000, 100,000 and 1,000,000 resources, with as many matches at each size. The
 * floor of each search is itself at the smallest size.
 */
export async function benchGrowth(): Promise<void> {
  await withEnvironment(async (environment) => {
    const { platform, tenantDatabaseOf } = environment;
    const project = await platform.createProject('bench-growth');
    const headers = async () => ({
      authorization: `Bearer ${await platform.clientToken(project)}`,
      'content-type': 'application/fhir+json',
    });
    const database = await tenantDatabaseOf(project.id);
    const ids: string[] = [];
    const medians = new Map<string, number[]>(Object.keys(searches).map((name) => [name, []]));
    for (const size of SIZES) {
      await growTo(size / PER_PATIENT, ids, project, await headers());
      await tidyDatabase(environment, database);
      for (const [name, search] of Object.entries(searches)) {
        medians.get(name)?.push(await medianMs(project, await headers(), ids, search));
      }
    }
    const growth = [...medians].map(([what, ms]) => ({ what, ms, growth: (ms.at(-1) ?? 0) / (ms[0] ?? 1) }));
    const worst = Math.max(...growth.map((row) => row.growth));
    await publish({
      name: 'growth',
      floor: 'the same search at 10,000 resources; the worst of all searches',
      ratio: worst,
      rows: growth.map(({ what, ms, growth: factor }) => ({
        what,
        ...Object.fromEntries(SIZES.map((size, index) => [`p50 ms at ${size}`, round(ms[index] ?? 0)])),
        growth: round(factor),
      })),
      checks: Object.fromEntries(
        growth.map(({ what, growth: factor }) => [
          what,
          { measured: `× ${factor.toFixed(2)}`, limit: `≤ ${MAX_GROWTH}`, holds: factor <= MAX_GROWTH },
        ]),
      ),
    });
  });
}

/** Adds Patients with their Observations until there are `patients`; `ids` has their ids in order. */
async function growTo(
  patients: number,
  ids: string[],
  project: CreatedProject,
  headers: Record<string, string>,
): Promise<void> {
  let next = ids.length;
  const add = async (first: number): Promise<void> => {
    const body = clinicBundle(first, PATIENTS_PER_BUNDLE);
    const init = { method: 'POST', headers: { ...headers, prefer: 'return=minimal' }, body };
    const answer = await expectStatus(await fetch(`${project.baseUrl}fhir/R4`, init), 200);
    const { entry } = answer as { entry: { response: { location: string } }[] };
    const created = entry.flatMap(({ response: { location } }) => /\/Patient\/([^/]+)/.exec(location)?.[1] ?? []);
    created.forEach((id, position) => (ids[first + position] = id));
  };
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < patients) {
        const first = next;
        next += PATIENTS_PER_BUNDLE;
        await add(first);
      }
    }),
  );
}

async function medianMs(
  project: CreatedProject,
  headers: Record<string, string>,
  ids: readonly string[],
  search: Search,
): Promise<number> {
  const random = seededRandom(5);
  const times: number[] = [];
  for (let request = 0; request < REQUESTS; request++) {
    const index = Math.floor(random() * ids.length);
    const url = `${project.baseUrl}fhir/R4/${search(index, ids[index] ?? '')}`;
    const started = performance.now();
    await expectStatus(await fetch(url, { headers }), 200);
    times.push(performance.now() - started);
  }
  return percentile(times.slice(REQUESTS / 3), 0.5);
}
