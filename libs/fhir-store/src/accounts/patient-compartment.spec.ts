import { fhirVersion, supportedFhirVersions, type JsonObject } from '#fhir';
import { patientsOf } from './patient-compartment.js';

const own = ['https://own.example/fhir/R4/'];
const ana = { reference: 'Patient/ana' };

it.each([
  [{ resourceType: 'Observation', subject: ana }, ['Patient/ana']],
  [
    { resourceType: 'Observation', subject: ana, performer: [{ reference: 'Patient/bob' }, ana] },
    ['Patient/ana', 'Patient/bob'],
  ],
  [{ resourceType: 'Observation', subject: { reference: 'Patient/ana/_history/3' } }, ['Patient/ana']],
  [{ resourceType: 'Observation', subject: { reference: 'https://own.example/fhir/R4/Patient/ana' } }, ['Patient/ana']],
  [{ resourceType: 'Observation', subject: { reference: 'https://other.example/fhir/R4/Patient/ana' } }, []],
  [
    { resourceType: 'Observation', subject: { reference: '#p' }, contained: [{ resourceType: 'Patient', id: 'p' }] },
    [],
  ],
  [{ resourceType: 'Observation', subject: { identifier: { value: '1' } } }, []],
  [{ resourceType: 'Observation', subject: { reference: 'Group/g' } }, []],
  [{ resourceType: 'Observation', focus: [ana] }, []],
  [{ resourceType: 'Observation', subject: { reference: 'Patient/ana?x' } }, []],
  [
    { resourceType: 'Group', member: [{ entity: ana }, { entity: { reference: 'Patient/bob' } }] },
    ['Patient/ana', 'Patient/bob'],
  ],
  [{ resourceType: 'Patient', id: 'ana', link: [{ other: { reference: 'Patient/bob' } }] }, ['Patient/bob']],
  [{ resourceType: 'Organization', name: 'Quay' }, []],
  [{ resourceType: 'UserConfiguration', name: 'Quay' }, []],
  [{ resourceType: 'Nonsense', subject: ana }, []],
] satisfies [JsonObject, string[]][])('the patients of %j are %j', (resource, patients) => {
  expect(patientsOf(fhirVersion('R4'), resource, own)).toEqual(patients);
});

it.each(supportedFhirVersions())('FHIR $label says which of its types have a place in a chart', ({ label }) => {
  const version = fhirVersion(label);
  expect(patientsOf(version, { resourceType: 'Condition', subject: ana })).toEqual(['Patient/ana']);
  expect(patientsOf(version, { resourceType: 'Location', managingOrganization: ana })).toEqual([]);
});
