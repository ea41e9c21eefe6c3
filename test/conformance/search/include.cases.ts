import type { SearchCase } from './search-case.js';

export const includeCases: SearchCase[] = [
  { search: 'Observation?_id=o1&_include=Observation:subject', finds: ['o1'], includes: ['Patient/ana'] },
  {
    search: 'Observation?_id=o1,o2,o3&_include=Observation:patient&_include=Observation:performer',
    finds: ['o1', 'o2', 'o3'],
    includes: ['Patient/ana', 'Patient/bob', 'Practitioner/kim', 'Practitioner/lee'],
    because: 'each once',
  },
  {
    search: 'Observation?_id=o3&_include=Observation:performer:Practitioner',
    finds: ['o3'],
    includes: ['Practitioner/lee'],
  },
  {
    search: 'Observation?_id=o3&_include=Observation:performer:Patient&_include=Observation:subject',
    finds: ['o3'],
    includes: ['Patient/ana', 'Patient/bob'],
  },
  {
    search: 'Observation?_id=o1&_include=Observation:*',
    finds: ['o1'],
    includes: ['Patient/ana', 'Practitioner/kim', 'Encounter/visit'],
  },
  {
    search: 'Observation?_id=o1&_include=*',
    finds: ['o1'],
    includes: ['Patient/ana', 'Practitioner/kim', 'Encounter/visit'],
  },
  { search: 'Observation?_id=o5,o6&_include=*', finds: ['o5', 'o6'], because: 'elsewhere, and not there' },
  { search: 'Observation?_id=o1&_include=Encounter:subject', finds: ['o1'], because: 'no encounter is found' },
  {
    search: 'Observation?_id=sum,o3&_include=Observation:has-member',
    finds: ['o3', 'sum'],
    includes: ['Observation/o1'],
    because: 'a match is not included again',
  },
  {
    search: 'Observation?_id=o1&_include=Observation:patient&_include:iterate=Patient:organization',
    finds: ['o1'],
    includes: ['Patient/ana', 'Organization/quay'],
  },
  {
    search:
      'Observation?_id=o1&_include=Observation:patient&_include:iterate=Patient:organization&_include:iterate=Organization:partof',
    finds: ['o1'],
    includes: ['Patient/ana', 'Organization/quay', 'Organization/parent'],
  },
  {
    search: 'Observation?_id=o1&_include=Observation:patient&_include=Patient:organization',
    finds: ['o1'],
    includes: ['Patient/ana'],
    because: 'without iterate only matches are followed',
  },
  {
    search: 'Observation?_id=all&_include:iterate=Observation:has-member',
    finds: ['all'],
    includes: ['Observation/sum', 'Observation/o3', 'Observation/o1'],
  },
  { search: 'Patient?_id=ana&_revinclude=Provenance:target', finds: ['ana'], includes: ['Provenance/v'] },
  {
    search: 'Patient?_id=ana&_revinclude=Observation:patient',
    finds: ['ana'],
    includes: ['Observation/o1', 'Observation/o2'],
  },
  {
    search: 'Patient?_id=ana&_revinclude=Observation:*',
    finds: ['ana'],
    includes: ['Observation/o1', 'Observation/o2', 'Observation/o3'],
  },
  {
    search: 'Patient?_id=ana&_revinclude=*',
    finds: ['ana'],
    includes: [
      'Encounter/visit',
      'Group/g',
      'Observation/o1',
      'Observation/o2',
      'Observation/o3',
      'Patient/cid',
      'Provenance/v',
    ],
  },
  { search: 'Patient?_id=ana,cid&_revinclude=Patient:link', finds: ['ana', 'cid'] },
  { search: 'Device?_id=ana&_revinclude=Observation:subject:Patient', finds: ['ana'] },
  { search: 'Device?_id=ana&_revinclude=Observation:subject:Device', finds: ['ana'], includes: ['Observation/o4'] },
  {
    search:
      'Patient?_id=bob&_revinclude=Observation:patient&_revinclude:iterate=Provenance:target&_include:iterate=Observation:performer',
    finds: ['bob'],
    includes: [
      'Observation/o3',
      'Observation/sum',
      'Observation/all',
      'Practitioner/lee',
      'Patient/ana',
      'Provenance/v',
    ],
  },
  {
    search: 'Observation?_id=o1,o3&_sort=-_id&_count=1&_include=Observation:patient',
    finds: ['o3'],
    includes: ['Patient/bob'],
    because: 'only those of the page',
  },
  { search: 'Observation?_id=o1&_summary=count&_include=Observation:patient', finds: [] },
  { search: 'Observation?_include=Observation:nosuch', refused: 'not-found', expression: '_include' },
  { search: 'Observation?_include=Nothing:subject', refused: 'not-found' },
  { search: 'Observation?_include=Observation:code', refused: 'not-found' },
  { search: 'Observation?_include=Observation:subject:Claim', refused: 'not-found' },
  { search: 'Observation?_include=subject', refused: 'value' },
  { search: 'Observation?_include:often=Observation:subject', refused: 'value' },
];
