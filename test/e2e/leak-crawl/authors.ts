/**
 * What the other side has written into resources that both sides see. Who has written something may be told, as far as the
 * reference goes; who that is says a record that the crawler may not see.
 */
import { isJsonObject, type JsonObject } from '#fhir';
import { judgeProbe, type Judged, type Leak, type Probe } from './probe.js';
import { sharedObservation, sharedPatient } from './samples-of-sides.js';
import { asAdmin, type Place } from './world.js';

const family = 'author';
const bundle = (type: string, ...urls: string[]): Partial<Probe> => ({
  method: 'POST',
  body: JSON.stringify({
    resourceType: 'Bundle',
    type,
    entry: urls.map((url) => ({ request: { method: 'GET', url } })),
  }),
});
const names = 'meta { author { reference display } onBehalfOf { reference display } }';
const [, patientId = ''] = sharedPatient.split('/');
const [, observationId = ''] = sharedObservation.split('/');
const query = `{
  Patient(id: "${patientId}") { ${names} ObservationList(_reference: subject) { ${names} } }
  Observation(id: "${observationId}") { ${names} subject { resource { ... on Patient { ${names} } } } }
}`;

/** Every way in which a resource is shown. */
const probes: readonly Probe[] = [
  ...[sharedPatient, sharedObservation].flatMap((address) => [
    { path: address },
    { path: `${address}/_history` },
    { path: `${address}/$meta` },
  ]),
  { path: `Patient?_id=${patientId}&_revinclude=Observation:subject` },
  { path: `Observation?_id=${observationId}&_include=Observation:subject` },
  { path: `Observation?_id=${observationId}&_elements=meta` },
  { path: `?_type=Patient,Observation&_id=${patientId},${observationId}` },
  { path: `${sharedPatient}/$everything` },
  { path: '', ...bundle('batch', sharedPatient, sharedObservation, `${sharedObservation}/_history`) },
  { path: '', ...bundle('transaction', sharedPatient, sharedObservation) },
  { path: '$graphql', method: 'POST', body: JSON.stringify({ query }) },
].map((probe) => ({ ...probe, family, path: probe.path === '' ? 'fhir/R4' : `fhir/R4/${probe.path}` }));

/** How often it was done in this process: each time something must change. */
let crawls = 0;

/**
 * In both projects the other side's member changes the patient whom both treat, and an administrator changes what was
 * observed of them on that member's behalf; then the crawler looks at both.
 */
export async function crawlAuthors(full: Place, alone: Place): Promise<Judged> {
  const word = `shared-${++crawls}`;
  for (const place of [full, alone]) await writeAsTheirs(place, word);
  const leaks: Leak[] = [];
  const statuses: number[] = [];
  for (const probe of probes) {
    const judged = await judgeProbe(probe, full, alone);
    leaks.push(...judged.leaks);
    statuses.push(judged.status);
  }
  return { statuses, leaks };
}

async function writeAsTheirs(place: Place, word: string): Promise<void> {
  const theirs = { ...place, adminToken: place.theirToken };
  const { theirProfile } = place;
  await tag(theirs, sharedPatient, word, { author: theirProfile });
  await tag(place, sharedObservation, word, { onBehalfOf: theirProfile }, { 'x-medplum-on-behalf-of': theirProfile });
}

/** Writes the resource with the tag; throws unless the new version names who was meant. */
async function tag(
  place: Place,
  address: string,
  code: string,
  expected: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const path = `fhir/R4/${address}`;
  const stored = JSON.parse((await asAdmin(place, path, { headers })).text) as JsonObject;
  const meta = { ...(stored['meta'] as JsonObject), tag: [{ system: 'http://tags.example', code }] };
  const { text } = await asAdmin(place, path, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/fhir+json' },
    body: JSON.stringify({ ...stored, meta }),
  });
  const written = JSON.parse(text) as { meta: JsonObject };
  for (const [member, reference] of Object.entries(expected)) {
    const named = written.meta[member];
    if (!isJsonObject(named) || named['reference'] !== reference) throw new Error(`${address}: ${text}`);
  }
}
