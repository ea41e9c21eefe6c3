import type { SearchCase } from './search-case.js';

/** R5 made `location-period` of Encounter a composite. */
const notR5 = ['R4', 'R4B'];

export const orderCases: SearchCase[] = [
  { search: 'Patient?', finds: ['ana', 'bob', 'cid', 'dot'], because: 'the order of creation' },
  { search: 'Patient?_sort=_id', finds: ['ana', 'bob', 'cid', 'dot'] },
  { search: 'Patient?_sort=-_id', finds: ['dot', 'cid', 'bob', 'ana'] },
  { search: 'Patient?_sort=-_lastUpdated', finds: ['dot', 'cid', 'bob', 'ana'] },
  { search: 'Patient?_sort=birthdate', finds: ['bob', 'ana', 'cid', 'dot'], because: 'by their starts; missing last' },
  { search: 'Patient?_sort=-birthdate', finds: ['cid', 'ana', 'bob', 'dot'], because: 'missing last here too' },
  { search: 'Patient?_sort=family', finds: ['cid', 'bob', 'ana', 'dot'], because: 'several values: the first of them' },
  {
    search: 'Patient?_sort=-family',
    finds: ['cid', 'ana', 'bob', 'dot'],
    because: 'cid is Abel and Zed, and each stands at the item that comes first in the order',
  },
  { search: 'Patient?_sort=-family&_count=2&_offset=1', finds: ['ana', 'bob'] },
  { search: 'Patient?_sort=-family,_id', finds: ['cid', 'ana', 'bob', 'dot'] },
  { search: 'Patient?_sort=gender,-family', finds: ['ana', 'bob', 'dot', 'cid'] },
  { search: 'Patient?_sort=identifier', finds: ['ana', 'bob', 'cid', 'dot'] },
  {
    search: 'Patient?_sort=-identifier',
    finds: ['ana', 'cid', 'bob', 'dot'],
    because: 'ana has 1 and a|b, cid 2, and bob 1',
  },
  { search: 'Patient?_sort=-identifier,_id', finds: ['ana', 'cid', 'bob', 'dot'] },
  {
    search: 'Observation?performer:missing=false&_sort=performer',
    finds: ['o1', 'o2'],
    because: 'o1 has x and y, o2 has y',
  },
  { search: 'Observation?performer:missing=false&_sort=-performer', finds: ['o2', 'o1'], because: 'equal at y' },
  { search: 'Patient?_sort=death-date', finds: ['cid', 'ana', 'bob', 'dot'] },
  {
    search: 'Patient?_sort=-death-date',
    finds: ['cid', 'dot', 'bob', 'ana'],
    because: 'equals in the key’s direction',
  },
  { search: 'Patient?_sort=death-date,-_id', finds: ['cid', 'dot', 'bob', 'ana'] },
  { search: 'Patient?_sort=-death-date,family', finds: ['cid', 'bob', 'ana', 'dot'] },
  { search: 'Patient?gender:missing=false&_sort=-birthdate,family', finds: ['ana', 'bob', 'dot'] },
  { search: 'Patient?_sort=family&_offset=1&_count=2', finds: ['bob', 'ana'] },
  {
    search: 'Patient?_sort=birthdate&_offset=2',
    finds: ['cid', 'dot'],
    because: 'the page reaches those without a value',
  },
  { search: 'Patient?_sort=birthdate&_offset=3', finds: ['dot'] },
  { search: 'Patient?_sort=birthdate&_offset=4', finds: [] },
  { search: 'Patient?_offset=3', finds: ['dot'] },
  {
    search: 'Encounter?_sort=location-period',
    versions: notR5,
    finds: ['twoStays', 'oneStay'],
    because: 'each once, by its earliest stay',
  },
  {
    search: 'Encounter?_sort=-location-period',
    versions: notR5,
    finds: ['twoStays', 'oneStay'],
    because: 'each once, by the stay that comes first in the order: the latest',
  },
  { search: 'Encounter?_sort=-location-period&_offset=1', versions: notR5, finds: ['oneStay'] },
  { search: 'Encounter?_sort=-location-period,_id', versions: notR5, finds: ['twoStays', 'oneStay'] },
  { search: 'Observation?_sort=date', finds: ['o5', 'o2', 'o3', 'o1', 'o4'] },
  { search: 'Observation?_sort=-date&_count=3', finds: ['o1', 'o3', 'o2'] },
];
