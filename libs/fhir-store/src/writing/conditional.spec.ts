import { fhirVersion } from '#fhir';
import { parseSearch } from '#fhir-search';
import { criteriaKey } from './conditional.js';

const keyOf = (type: string, query: string) =>
  criteriaKey(parseSearch(fhirVersion('4.0.1'), type, query, { handling: 'strict' }));

describe('the key of criteria, by which conditional writes exclude each other', () => {
  test('is the same in whatever order they are given, and whatever page is asked for', () => {
    const key = keyOf('Patient', 'identifier=a|1&active=true');
    expect(keyOf('Patient', 'active=true&identifier=a|1')).toBe(key);
    expect(keyOf('Patient', 'active=true&_count=1&identifier=a%7C1')).toBe(key);
  });

  test.each([
    ['Patient', 'identifier=a|2&active=true'],
    ['Patient', 'identifier=a|1'],
    ['Practitioner', 'identifier=a|1&active=true'],
  ])('differs for other criteria: %s?%s', (type, query) => {
    expect(keyOf(type, query)).not.toBe(keyOf('Patient', 'identifier=a|1&active=true'));
  });
});
