import { PATIENTS } from './clinic.js';
import type { PlainRequest } from './replay/recording.js';
import { patient, seededRandom, transactionBundle } from './seeded-resources.js';

/** One line of the table: what is asked, how often per round, and how near to the floor it must come. */
export interface Row {
  readonly name: string;
  readonly limit: number;
  readonly amount: number;
  /** Each request is sent once and never again. */
  readonly changes?: true;
  readonly status: number;
  request(index: number): PlainRequest;
}

/** What is asked of the clinic under `base`, the path of a project's FHIR API. */
export function rowsFor(base: string, headers: Record<string, string>, patientIds: readonly string[]): Row[] {
  const random = seededRandom(99);
  const anyPatient = (): string => patientIds[Math.floor(random() * patientIds.length)] as string;
  const get = (path: string): PlainRequest => ({ path: `${base}${path}`, headers });
  const send = (method: 'POST' | 'PUT', path: string, body: string): PlainRequest => ({
    method,
    path: `${base}${path}`,
    headers,
    body,
  });
  let created = PATIENTS;
  let updated = 0;
  return [
    { name: 'read by id', limit: 0.7, amount: 20_000, status: 200, request: () => get(`/Patient/${anyPatient()}`) },
    {
      name: 'search by identifier',
      limit: 0.6,
      amount: 12_000,
      status: 200,
      request: () => get(`/Patient?identifier=urn:boxyard:bench:mrn%7Cmrn-${Math.floor(random() * PATIENTS)}`),
    },
    {
      name: 'search by name, 20 hits',
      limit: 0.5,
      amount: 4_000,
      status: 200,
      request: (index) =>
        get(`/Patient?name=${['Adeyemi', 'Bauer', 'Castro', 'Dubois', 'Eriksen'][index % 5]}&_count=20`),
    },
    {
      name: 'Observations of a Patient by date',
      limit: 0.5,
      amount: 10_000,
      status: 200,
      request: () => get(`/Observation?subject=Patient/${anyPatient()}&_sort=-date&_count=20`),
    },
    {
      name: 'Observations in a compartment',
      limit: 0.5,
      amount: 10_000,
      status: 200,
      request: () => get(`/Patient/${anyPatient()}/Observation`),
    },
    {
      name: 'create',
      limit: 0.6,
      amount: 3_008,
      changes: true,
      status: 201,
      request: () => send('POST', '/Patient', JSON.stringify(patient(random, created++))),
    },
    {
      name: 'update',
      limit: 0.6,
      amount: 2_000,
      changes: true,
      status: 200,
      request: () => {
        const index = updated++;
        const id = patientIds[index] as string;
        return send('PUT', `/Patient/${id}`, JSON.stringify({ ...patient(random, index), id }));
      },
    },
    {
      name: 'transaction of 20 creates',
      limit: 0.5,
      amount: 320,
      changes: true,
      status: 200,
      request: () => {
        const body = transactionBundle(random, (created += 20), 20);
        return send('POST', '', body);
      },
    },
  ];
}
