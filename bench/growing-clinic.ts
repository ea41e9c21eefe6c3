/**
 * Resources of a clinic that grows while the answers to its questions stay as long as they were: twenty Patients share a
 * family name, a minute has a hundred Observations, a Patient has three. The n-th Patient is the same on every machine.
 */
const PER_FAMILY = 20;
const OBSERVATIONS_EACH = 3;
const OBSERVATIONS_PER_MINUTE = 100;
const FIRST_MINUTE = Date.UTC(2001, 0, 1);
const CODES = ['8867-4', '9279-1', '8310-5'] as const;

/** Resources that come with one Patient, itself included. */
export const PER_PATIENT = 1 + OBSERVATIONS_EACH;

export const familyOf = (index: number): string => `Family${Math.floor(index / PER_FAMILY)}x`;
export const recordNumberOf = (index: number): string => `mrn-${index}`;

/** The minute in which the n-th Patient's first Observation was made, as a FHIR date search takes it. */
export function minuteOf(index: number): string {
  const minutes = Math.floor((index * OBSERVATIONS_EACH) / OBSERVATIONS_PER_MINUTE);
  return new Date(FIRST_MINUTE + minutes * 60_000).toISOString().slice(0, 16);
}

/** A transaction Bundle that creates the Patients from `first` on, with their Observations. */
export function clinicBundle(first: number, patients: number): string {
  const entry = Array.from({ length: patients }, (_, position) => entriesOf(first + position)).flat();
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}

function entriesOf(index: number): object[] {
  const fullUrl = `urn:uuid:00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const patient = {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:boxyard:bench:mrn', value: recordNumberOf(index) }],
    name: [{ family: familyOf(index), given: [`Given${index % 97}`] }],
    gender: index % 2 === 0 ? 'female' : 'male',
    birthDate: new Date(Date.UTC(1930, 0, 1 + (index % 30_000))).toISOString().slice(0, 10),
  };
  const observations = CODES.map((code) => ({
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code }] },
    subject: { reference: fullUrl },
    effectiveDateTime: `${minuteOf(index)}:${String(index % 60).padStart(2, '0')}Z`,
    valueQuantity: { value: 50 + (index % 100), unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  }));
  return [
    { fullUrl, resource: patient, request: { method: 'POST', url: 'Patient' } },
    ...observations.map((resource) => ({ resource, request: { method: 'POST', url: 'Observation' } })),
  ];
}
