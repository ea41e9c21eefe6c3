import { subjectsOf } from './audit-subjects.js';

const resource = (type: string, id: string, ...compartment: string[]) => ({
  type,
  id,
  extendedMeta: `"project":"x"${compartment.length === 0 ? '' : `,"compartment":${JSON.stringify(compartment.map((reference) => ({ reference })))}`}`,
});

test('the patients in whose compartments resources are stand once each, with the accounts of the data', () => {
  const own = resource('Observation', 'o1', 'Organization/a', 'Patient/1');
  expect(subjectsOf([own, { ...own, id: 'o2' }])).toBe('Patient/1 Organization/a');
  expect(subjectsOf([own, resource('Group', 'g', 'Patient/1', 'Patient/2')])).toBe(
    'Patient/1 Organization/a\nPatient/1\nPatient/2',
  );
});

test('a Patient is its own subject, also before it has a compartment', () => {
  expect(subjectsOf([resource('Patient', '1')])).toBe('Patient/1');
  expect(subjectsOf([resource('Patient', '1', 'Patient/1', 'Organization/a')])).toBe('Patient/1 Organization/a');
});

test('what is no patient’s is told by its accounts, or not at all', () => {
  expect(subjectsOf([resource('Questionnaire', 'q', 'Organization/a', 'Organization/b')])).toBe(
    'Organization/a Organization/b',
  );
  expect(subjectsOf([resource('Questionnaire', 'q')])).toBe('');
  expect(subjectsOf([])).toBe('');
});

test('a text of a client that looks like a compartment is none', () => {
  const author = { author: { display: '"compartment":[{"reference":"Patient/9"}]' } };
  const extendedMeta = JSON.stringify(author).slice(1, -1);
  expect(subjectsOf([{ type: 'Basic', id: 'b', extendedMeta }])).toBe('');
});
