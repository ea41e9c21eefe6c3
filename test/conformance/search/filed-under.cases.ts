import type { JsonObject } from '#fhir';
import type { SearchCase } from './search-case.js';

/** `_compartment`: by the accounts under which resources are filed, and by the patients in whose charts they are. */
export const filedUnderCases: SearchCase[] = [
  { search: 'Patient?_compartment=Organization/a', finds: ['ana', 'both'] },
  { search: 'Patient?_compartment=Organization/b', finds: ['bob', 'both'] },
  { search: 'Patient?_compartment=Organization/a,Organization/b', finds: ['ana', 'bob', 'both'] },
  { search: 'Patient?_compartment=Organization/a&_compartment=Organization/b', finds: ['both'] },
  { search: 'Patient?_compartment=Organization/none', finds: [], because: 'an account without resources is no error' },
  { search: 'Patient?_compartment=Patient/ana', finds: ['ana'], because: 'a patient is in its own' },
  { search: 'Patient?_compartment=ana', finds: ['ana'], because: 'an id stands for any type' },
  { search: 'Patient?_compartment=b', finds: ['bob', 'both'] },
  { search: 'Patient?_compartment:not=Organization/a', finds: ['bob', 'free'] },
  { search: 'Patient?_compartment:missing=true', finds: [] },
  { search: 'Observation?_compartment=Patient/ana', finds: ['o-ana', 'o-two'] },
  { search: 'Observation?_compartment=Patient/ana&_compartment=Patient/bob', finds: ['o-two'] },
  { search: 'Observation?_compartment=Organization/a', finds: [], because: 'an admin who sends meta decides' },
  { search: 'Observation?_compartment:missing=true', finds: ['o-free'] },
  { search: 'Observation?_compartment:missing=false', finds: ['o-ana', 'o-two'] },
  { search: 'Observation?performer:Patient._compartment=Organization/b', finds: ['o-two'] },
  { search: 'Patient?_has:Observation:subject:_compartment=Patient/bob', finds: ['ana'] },
  {
    search: '?_type=Patient,Observation&_compartment=Patient/ana',
    finds: ['Patient/ana', 'Observation/o-ana', 'Observation/o-two'],
  },
  { search: 'Basic?_compartment=Organization/a', finds: ['basic'] },
  { search: 'Patient?_compartment=Organization/a/b', refused: 'value', expression: '_compartment' },
  { search: 'Patient?_compartment:below=a', refused: 'not-supported', expression: '_compartment:below' },
];

const filed = (...names: string[]) => ({ accounts: names.map((name) => ({ reference: `Organization/${name}` })) });
const about = (...names: string[]) => {
  const [subject, ...performer] = names.map((name) => ({ reference: `Patient/${name}` }));
  return { ...(subject ? { subject } : {}), ...(performer.length > 0 ? { performer } : {}) };
};

/** Patients of two organizations, and what was observed on them. */
export const filedResources = (): JsonObject[] => [
  { resourceType: 'Patient', id: 'ana', meta: filed('a') },
  { resourceType: 'Patient', id: 'bob', meta: filed('b') },
  { resourceType: 'Patient', id: 'both', meta: filed('a', 'b') },
  { resourceType: 'Patient', id: 'free', meta: {} },
  { resourceType: 'Observation', id: 'o-ana', status: 'final', code: { text: 'x' }, meta: {}, ...about('ana') },
  { resourceType: 'Observation', id: 'o-two', status: 'final', code: { text: 'x' }, meta: {}, ...about('ana', 'bob') },
  { resourceType: 'Observation', id: 'o-free', status: 'final', code: { text: 'x' }, meta: {} },
  { resourceType: 'Basic', id: 'basic', code: { text: 'x' }, meta: filed('a') },
];
