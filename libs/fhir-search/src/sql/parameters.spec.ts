import { fhirVersion } from '#fhir';
import { parseSearch } from '../parse-search.js';
import { planSearch } from '../plan-search.js';
import { unrestricted } from '../restrict.js';
import { tokenHasher } from '../token-hasher.js';
import { Parameters } from './parameters.js';
import { toCountSql, toSql } from './to-sql.js';

describe('the values of a statement', () => {
  it('get the numbers in which they come', () => {
    const parameters = new Parameters();
    expect([parameters.add('a', 'text'), parameters.add([1], 'int4[]')]).toEqual(['$1::text', '$2::int4[]']);
    expect(parameters.values).toEqual(['a', [1]]);
  });

  it.each([
    ['Observation', 'combo-code-value-quantity=', 'a|b$ap5||c'],
    ['Observation', 'value-quantity=', 'ap5||c'],
    ['Patient', 'birthdate=', 'ne2000'],
    ['MolecularSequence', 'chromosome-window-coordinate=', 'a|b$ap5$ap6'],
  ])('of %s?%s… are never more than PostgreSQL takes', (type, name, value) => {
    const version = fhirVersion('R4');
    const plan = (count: number) => {
      const query = [[name.slice(0, -1), Array.from({ length: count }, () => value).join(',')]] as const;
      const request = parseSearch(version, type, query, { handling: 'strict' });
      return planSearch(version, request, tokenHasher(Buffer.alloc(32)), unrestricted);
    };
    expect(toSql(plan(100)).values.length).toBeLessThanOrEqual(5000);
    for (const make of [toSql, toCountSql]) {
      try {
        expect(make(plan(1000)).values.length).toBeLessThanOrEqual(5000);
      } catch (error) {
        expect(error).toMatchObject({ category: 'too-costly' });
      }
    }
  });
});
