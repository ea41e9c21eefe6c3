import type { SearchCase } from './search-case.js';

export const uriCases: SearchCase[] = [
  { search: 'ValueSet?url=http://sets.example/a', finds: ['v2'] },
  { search: 'ValueSet?url=http://sets.example/A', finds: [], because: 'case counts' },
  { search: 'ValueSet?url:below=http://sets.example/a', finds: ['v1', 'v2'] },
  { search: 'ValueSet?url:below=http://sets.example/a/', finds: ['v1'] },
  { search: 'ValueSet?url:below=HTTP://sets.example/', finds: [] },
  { search: 'ValueSet?url=urn:oid:1.2.3,http://sets.example/a/b', finds: ['v1', 'v3'] },
  { search: 'ValueSet?url:missing=true', finds: [] },
  {
    search: 'Patient?_profile=http://profiles.example/patient',
    finds: ['ana', 'bob'],
    because: 'with and without version',
  },
  { search: 'Patient?_profile=http://profiles.example/patient|2.0', finds: ['ana'] },
  { search: 'Patient?_profile=http://profiles.example/patient|1.0', finds: [] },
  { search: 'Patient?_profile:below=http://profiles.example/per', finds: ['ana'] },
  { search: 'Patient?_source=http://source.example/b', finds: ['bob'] },
  { search: 'Patient?_source:missing=true', finds: ['cid', 'dot'] },
];
