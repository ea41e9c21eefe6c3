/** What a judgement costs, counted: a resource is looked at once, whatever number of values it is compared with. */
import { fhirVersion, type JsonObject } from '#fhir';
import { parseSearch } from '../parse-search.js';
import { matchesCriteria } from './matches-criteria.js';
import { preparedOnce } from './prepared.js';

const version = fhirVersion('R4');

/** A value of which each look at `member` is counted. */
function counted(member: string, value: JsonObject): { readonly value: JsonObject; looks: number } {
  const found = {
    looks: 0,
    value: new Proxy(value, {
      get(target, name) {
        if (name === member) found.looks += 1;
        return Reflect.get(target, name) as unknown;
      },
    }),
  };
  return found;
}

const alternatives = (text: (number: number) => string) => Array.from({ length: 900 }, (_, n) => text(n)).join(',');

it.each([
  ['Encounter', 'date', 'period', 'start', { start: '2030-01-01', end: '2030-01-02' }, (n: number) => `${1000 + n}`],
  ['Patient', 'name', 'name', 'family', { family: 'Ana' }, (n: number) => `x${n}`],
  ['Observation', 'code', 'code', 'coding', { coding: [{ code: 'none' }] }, (n: number) => `urn:s|c${n}`],
])('a stored value of %s?%s is read once for all values of the search', (type, code, element, member, value, text) => {
  const stored = counted(member, value);
  const { criteria } = parseSearch(version, type, `${code}=${alternatives(text)}`, { handling: 'strict' });
  const resource = { resourceType: type, id: '1', [element]: stored.value };
  expect(matchesCriteria(version, criteria, resource)).toBe(false);
  expect(stored.looks).toBeGreaterThan(0);
  expect(stored.looks).toBeLessThan(10);
});

it('what is wanted is prepared once for all resources', () => {
  const prepare = jest.fn((wanted: readonly string[]) => wanted.map((text) => text.toUpperCase()));
  const prepared = preparedOnce(prepare);
  const wanted = ['a', 'b'];
  expect(prepared(wanted)).toEqual(['A', 'B']);
  expect(prepared(wanted)).toBe(prepared(wanted));
  expect(prepare).toHaveBeenCalledTimes(1);
});
