import type { SearchCase } from './search-case.js';

/** The orders of values of each type; the data are those of the cases about links. */
export const sortCases: SearchCase[] = [
  {
    search: 'Observation?_sort=code',
    finds: ['o2', 'o1', 'o3', 'o4', 'o5', 'o6', 'sum', 'all'],
    because: '8462-4, 8480-6, 85354-9',
  },
  { search: 'Observation?_sort=-code', finds: ['all', 'sum', 'o6', 'o5', 'o4', 'o3', 'o1', 'o2'] },
  { search: 'Observation?_sort=status,-code,_id', finds: ['all', 'sum', 'o1', 'o3', 'o4', 'o5', 'o6', 'o2'] },
  { search: 'Observation?_sort=subject,_id', finds: ['o4', 'o1', 'o2', 'all', 'o3', 'sum', 'o6', 'o5'] },
  {
    search: 'Observation?_sort=-encounter',
    finds: ['o1', 'all', 'sum', 'o6', 'o5', 'o4', 'o3', 'o2'],
    because: 'missing last',
  },
  { search: 'Patient?_sort=identifier', finds: ['ana', 'bob', 'cid'] },
  { search: 'Patient?_sort=-identifier', finds: ['bob', 'ana', 'cid'], because: 'missing last here too' },
  { search: 'Patient?_sort=active', finds: ['bob', 'ana', 'cid'] },
  { search: 'Patient?_sort=-organization', finds: ['ana', 'bob', 'cid'] },
  { search: 'Patient?_sort=family,-given', finds: ['bob', 'ana', 'cid'] },
  { search: 'Patient?_sort=-birthdate,_id', finds: ['ana', 'bob', 'cid'] },
  { search: 'RiskAssessment?_sort=probability', finds: ['low', 'even', 'high', 'unsaid'] },
  { search: 'RiskAssessment?_sort=-probability', finds: ['high', 'even', 'low', 'unsaid'] },
  { search: 'RiskAssessment?_sort=-probability,_id', finds: ['high', 'even', 'low', 'unsaid'] },
  { search: 'RiskAssessment?_sort=probability&_offset=2', finds: ['high', 'unsaid'] },
  { search: 'RiskAssessment?_sort=nosuch', refused: 'value', expression: '_sort' },
  { search: 'Observation?_sort=code-value-quantity', refused: 'not-supported', expression: '_sort' },
];
