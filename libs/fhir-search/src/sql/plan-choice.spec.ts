import { fhirVersion } from '#fhir';
import { parseSearch } from '../parse-search.js';
import { planSearch } from '../plan-search.js';
import { unrestricted } from '../restrict.js';
import { tokenHasher } from '../token-hasher.js';
import { isQuick } from './plan-choice.js';

const version = fhirVersion('R4');

function quick(type: string, query: string): boolean {
  const request = parseSearch(version, type, query, { handling: 'strict' });
  return isQuick(planSearch(version, request, tokenHasher(Buffer.alloc(32)), unrestricted));
}

test.each([
  ['Patient', 'identifier=urn:a|1'],
  ['Patient', '_id=1&name:contains=a'],
  ['Observation', 'subject=Patient/1'],
  ['Observation', 'subject=Patient/1&_sort=-date'],
])('%s?%s is answered at once, so it may share a connection', (type, query) => {
  expect(quick(type, query)).toBe(true);
});

test.each([
  ['Observation', ''],
  ['Observation', 'code=a'],
  ['Observation', 'subject=Patient/1&value-string:contains=a'],
  ['Observation', 'subject=Patient/1&_sort=code'],
  ['Observation', 'subject=Patient/1&_count=500'],
  ['Patient', '_id:not=1'],
])('%s?%s may take a while, so nobody waits behind it', (type, query) => {
  expect(quick(type, query)).toBe(false);
});
