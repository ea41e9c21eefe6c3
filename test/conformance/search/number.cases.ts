import type { SearchCase } from './search-case.js';

/** RiskAssessments by their probabilities; the ids say them. */
export const numberCases: SearchCase[] = [
  { search: 'RiskAssessment?probability=50', finds: ['r50', 'r49'], because: 'from 49.5 up to, but not, 50.5' },
  { search: 'RiskAssessment?probability=50.00', finds: ['r50'] },
  { search: 'RiskAssessment?probability=50.50', finds: ['r505'] },
  {
    search: 'RiskAssessment?probability=5e1',
    finds: ['r50', 'r49'],
    because: 'from 49.5 to 50.5, as the standard reads 1e2',
  },
  { search: 'RiskAssessment?probability=5e-3', finds: ['small'] },
  { search: 'RiskAssessment?probability=0.01', finds: ['small'], because: 'from 0.005 on' },
  { search: 'RiskAssessment?probability=-7', finds: ['negative'] },
  { search: 'RiskAssessment?probability=lt0', finds: ['negative'] },
  { search: 'RiskAssessment?probability=gt50', finds: ['r505', 'r56'], because: 'a comparison takes 50 as exact' },
  { search: 'RiskAssessment?probability=ge50', finds: ['r50', 'r505', 'r56'] },
  { search: 'RiskAssessment?probability=lt49.5', finds: ['r44', 'small', 'two', 'negative'] },
  { search: 'RiskAssessment?probability=le49.5', finds: ['r49', 'r44', 'small', 'two', 'negative'] },
  { search: 'RiskAssessment?probability=sa50', finds: ['r505', 'r56'] },
  { search: 'RiskAssessment?probability=eb44', finds: ['small', 'two', 'negative'] },
  { search: 'RiskAssessment?probability=ne50', finds: ['r505', 'r44', 'r56', 'small', 'two', 'negative'] },
  { search: 'RiskAssessment?probability=ap43', finds: ['r44'], because: 'a tenth of 43 on either side' },
  { search: 'RiskAssessment?probability=ap0', finds: ['small'], because: 'no less than its digits leave open' },
  { search: 'RiskAssessment?probability=5,-7', finds: ['two', 'negative'] },
  { search: 'RiskAssessment?probability=ge44&probability=lt50', finds: ['r49', 'r44'] },
  {
    search: 'RiskAssessment?probability=lt6&probability=gt19',
    finds: ['two'],
    because: 'each of its values satisfies one',
  },
  { search: 'RiskAssessment?probability=gt-8&probability=lt0', finds: ['negative'] },
  { search: 'RiskAssessment?probability=lt-8', finds: [] },
  { search: 'RiskAssessment?probability=many', refused: 'value', expression: 'probability' },
  { search: 'RiskAssessment?probability=5|a', refused: 'value' },
  {
    search: 'RiskAssessment?_sort=probability',
    finds: ['negative', 'small', 'two', 'r44', 'r49', 'r50', 'r505', 'r56'],
    spec: 'https://hl7.org/fhir/R4/search.html#sort',
  },
  { search: 'RiskAssessment?_sort=-probability&_count=3', finds: ['r56', 'r505', 'r50'] },
];
