import type { SearchCase } from './search-case.js';

/** `_in` came with R5. */
const versions = ['R5'];

export const membershipCases: SearchCase[] = [
  { versions, search: 'Patient?_in=Group/g', finds: ['ana', 'cid'] },
  { versions, search: 'Patient?_in=List/g', finds: ['bob'], because: 'an entry that is marked as deleted is none' },
  { versions, search: 'Patient?_in=g', finds: ['ana', 'bob', 'cid'], because: 'an id stands for each kind' },
  { versions, search: 'Patient?_in=Group/g&_in=List/g', finds: [] },
  { versions, search: 'Practitioner?_in=CareTeam/team', finds: ['lee'] },
  { versions, search: 'Practitioner?_in=CareTeam/team,Group/g', finds: ['lee'] },
  { versions, search: 'Observation?patient._in=List/g', finds: ['o3', 'sum', 'all'] },
  { versions, search: '?_in=Group/g', finds: ['Patient/ana', 'Patient/cid'] },
  { versions, search: 'Patient?_in=Patient/ana', refused: 'value', expression: '_in' },
  { versions, search: 'Patient?_in:not=List/g', refused: 'not-supported', expression: '_in:not' },
  { versions: ['R4', 'R4B'], search: 'Patient?_in=List/g', refused: 'not-found', expression: '_in' },
];
