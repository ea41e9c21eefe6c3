import type { SearchCase } from './search-case.js';

export const uriCases: SearchCase[] = [
  { search: 'ValueSet?url=http://sets.example/a', finds: ['v2'] },
  { search: 'ValueSet?url=http://sets.example/A', finds: [], because: 'case counts' },
  { search: 'ValueSet?url:below=http://sets.example/a', finds: ['v1', 'v2'] },
  { search: 'ValueSet?url:below=http://sets.example/a/', finds: ['v1'] },
  { search: 'ValueSet?url:below=HTTP://sets.example/', finds: [] },
  { search: 'ValueSet?url=urn:oid:1.2.3,http://sets.example/a/b', finds: ['v1', 'v3'] },
  { search: 'ValueSet?url:above=http://sets.example/a/b/c', finds: ['v1', 'v2'] },
  { search: 'ValueSet?url:above=http://sets.example/a', finds: ['v2'] },
  { search: 'ValueSet?url:above=http://sets.example/ab', finds: [], because: 'a is no parent of ab' },
  { search: 'ValueSet?url:above=urn:oid:1.2.3.4', finds: [], because: 'no hierarchy without slashes' },
  {
    search: 'ValueSet?url:contains=SETS',
    finds: ['v1', 'v2'],
    spec: 'https://hl7.org/fhir/R5/search.html#modifiercontains',
  },
  { search: 'ValueSet?url:missing=true', finds: [] },
  {
    search: 'Patient?_profile=http://profiles.example/patient',
    finds: ['ana', 'bob'],
    because: 'with and without version',
  },
  { search: 'Patient?_profile=http://profiles.example/patient|2.0', finds: ['ana'] },
  { search: 'Patient?_profile=http://profiles.example/patient|1.0', finds: [] },
  {
    search: 'Patient?_profile:below=http://profiles.example/per',
    versions: ['R4', 'R4B'],
    finds: ['ana'],
    because: 'R5 made it a reference',
  },
  { search: 'Patient?_source=http://source.example/b', finds: ['bob'] },
  { search: 'Patient?_source:missing=true', finds: ['cid', 'dot'] },
];
