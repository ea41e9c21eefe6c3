import { FhirpathExpressions } from './fhirpath-expressions.js';
import { RequestBudget } from './request-budget.js';

it('reads an expression once, however many lists it is used for', () => {
  const expressions = new FhirpathExpressions(new RequestBudget());
  const errors = new Set<unknown>();
  // Read each time, these would take some minutes.
  for (let list = 0; list < 100_000; list++) {
    expressions.choose('family.exists()', []);
    try {
      expressions.choose('family.matches(', []);
    } catch (error) {
      errors.add(error);
    }
  }
  expect([...errors].map(String)).toEqual([expect.stringContaining('cannot be read')]);
});
