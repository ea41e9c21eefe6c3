/** Bulk exports of the crawling member: what they hold must be what it would be if the other side were not there. */
import { answeredLater, filesOf } from './later-answers.js';
import { judgeAnswers, type Judged, type Leak, type Probe } from './probe.js';
import { send, type Answer } from './http.js';
import type { Place } from './world.js';

const family = 'export';
const closed = { family, method: 'POST', expect: [403] };

/** What is asked for, below the FHIR base. */
const probes: readonly Probe[] = [
  ...['$export', 'Patient/$export', 'Group/ours-group-1/$export'].map((path) => ({ family, path, method: 'POST' })),
  { family, path: '$export?_type=Patient,Observation,Encounter,Organization,Location' },
  { family, path: '$export?_type=Observation&_typeFilter=Observation%3Fsubject%3APatient.name%3Aexact%3Dx' },
  { family, path: '$export?_type=Observation&_typeFilter=Observation%3Fsubject%3DPatient%2Ffar-patient-1' },
  { family, path: 'Patient/$export?patient=Patient/ours-patient-1' },
  { family, path: 'Patient/$export?patient=Patient/far-patient-1', namesTheirs: true },
  { family, path: 'Group/far-group-1/$export', namesTheirs: true },
  ...['$export?_type=AllergyIntolerance', '$export?_type=Condition', 'Patient/$export?_type=Immunization'].map(
    (path) => ({ ...closed, path }),
  ),
  { ...closed, path: '$export?_type=Patient&_typeFilter=Patient%3Fbirthdate%3Dlt2000' },
];

/** Asks for them one after the other, follows each to its end, and reads every file. */
export async function crawlExports(full: Place, alone: Place): Promise<Judged> {
  const leaks: Leak[] = [];
  const statuses: number[] = [];
  for (const probe of probes) {
    const [answer, other] = await Promise.all([exported(full, probe), exported(alone, probe)]);
    const request = `${probe.method ?? 'GET'} ${probe.path}`;
    const problems = judgeAnswers(probe, request, { answer, place: full }, { answer: other, place: alone });
    leaks.push(...problems.map((problem) => ({ family, request, problem })));
    statuses.push(answer.status);
  }
  return { statuses, leaks };
}

/** The answer at the end, with the contents of all files in its place; the refusal when it was not accepted. */
async function exported(place: Place, { method = 'GET', path }: Probe): Promise<Answer> {
  const { answer, address } = await answeredLater(place, place.memberToken, `fhir/R4/${path}`, { method });
  if (address === undefined || answer.status !== 200) return answer;
  const headers = { authorization: `Bearer ${place.memberToken}` };
  const files: string[] = [];
  for (const { type, address: path, count } of filesOf(place, answer)) {
    const file = await send(place.base, path, { headers });
    files.push(`${type} ${count} ${file.status}\n${file.text}`);
  }
  // A member may keep only so many.
  await send(place.base, address, { method: 'DELETE', headers });
  return { ...answer, text: files.join('\n') };
}
