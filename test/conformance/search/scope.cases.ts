import type { SearchCase } from './search-case.js';

const compartment = 'https://hl7.org/fhir/R4/compartmentdefinition.html';
const system = 'https://hl7.org/fhir/R4/http.html#search';

export const scopeCases: SearchCase[] = [
  {
    spec: compartment,
    search: 'Patient/ana/Observation?',
    finds: ['Observation/o1', 'Observation/o2', 'Observation/o3'],
    because: 'as subject or as performer',
  },
  { spec: compartment, search: 'Patient/ana/Observation?code=8480-6', finds: ['Observation/o1', 'Observation/o3'] },
  {
    spec: compartment,
    search: 'Patient/ana/Observation?_sort=-date',
    finds: ['Observation/o1', 'Observation/o2', 'Observation/o3'],
  },
  {
    spec: compartment,
    search: 'Patient/ana/Observation?_sort=date',
    finds: ['Observation/o2', 'Observation/o1', 'Observation/o3'],
  },
  {
    spec: compartment,
    search: 'Patient/ana/Observation?patient.family=berg&status=final',
    finds: ['Observation/o1', 'Observation/o3'],
  },
  {
    spec: compartment,
    search: 'Patient/ana/Patient?',
    finds: ['Patient/ana', 'Patient/cid'],
    because: 'itself, and who is linked to it',
  },
  {
    spec: compartment,
    search: 'Patient/ana/*?',
    finds: [
      'Patient/ana',
      'Patient/cid',
      'Group/g',
      'Encounter/visit',
      'Observation/o1',
      'Observation/o2',
      'Observation/o3',
      'Provenance/v',
    ],
  },
  { spec: compartment, search: 'Patient/ana/*?_type=Encounter,Provenance', finds: ['Encounter/visit', 'Provenance/v'] },
  { spec: compartment, search: 'Patient/nobody/Observation?', finds: [] },
  { spec: compartment, search: 'Practitioner/lee/Patient?', finds: ['Patient/bob'] },
  { spec: compartment, search: 'Encounter/visit/Observation?', finds: ['Observation/o1'] },

  {
    spec: system,
    search: '?_type=Patient,Practitioner',
    finds: ['Practitioner/kim', 'Practitioner/lee', 'Patient/ana', 'Patient/bob', 'Patient/cid'],
  },
  { spec: system, search: '?_id=ana', finds: ['Patient/ana', 'Device/ana'] },
  { spec: system, search: '?_id=ana&_type=Device', finds: ['Device/ana'] },
  {
    spec: system,
    search: '?_type=Patient,Practitioner&name=kim,ana',
    finds: ['Practitioner/kim', 'Patient/ana'],
    because: 'both have the parameter',
  },
  { spec: system, search: '?_type=Patient,Organization&active=true', finds: ['Organization/quay', 'Patient/ana'] },
  {
    spec: system,
    search: '?_type=Patient,Organization&active:not=true',
    finds: ['Organization/parent', 'Organization/dune', 'Patient/bob', 'Patient/cid'],
  },
  {
    spec: system,
    search: '?_type=Patient,Encounter&_has:Provenance:target:agent=Practitioner/kim',
    finds: ['Patient/ana'],
  },
  {
    spec: system,
    search: '?_type=Patient,Practitioner&_sort=-_id&_count=2',
    finds: ['Practitioner/lee', 'Practitioner/kim'],
  },
  { spec: system, search: '?_lastUpdated=ge2000&_type=Provenance', finds: ['Provenance/v'] },
  {
    spec: system,
    search: '?_type=Encounter,Provenance&_include=Encounter:subject',
    finds: ['Encounter/visit', 'Provenance/v'],
    includes: ['Patient/ana'],
  },
  {
    spec: system,
    search: '?_type=Patient,Observation&name=x',
    refused: 'not-found',
    expression: 'name',
    because: 'observations have no name',
  },
  { spec: system, search: '?_type=Nothing', refused: 'value', expression: '_type' },
  { spec: system, search: '?family=x', refused: 'not-found' },
  { spec: system, search: '?_type=Patient,Practitioner&_sort=family', refused: 'value', expression: '_sort' },
];
