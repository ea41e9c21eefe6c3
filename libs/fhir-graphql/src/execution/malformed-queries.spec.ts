import fc from 'fast-check';
import { ask } from './ask.fixture.js';

const queries = [
  '{ PatientList(_id: [a, b], _sort: "-_id") { id name(use: official, _count: 1) { given @first } managingOrganization { resource(type: Organization) { name } } } }',
  'query Q($n: String = "x", $c: Int) { PatientConnection(name: $n, _count: $c) { count next edges { resource { ...F } } } } fragment F on Patient { id ObservationList(_reference: subject, _filter: "status eq final") { valueQuantity { value } } }',
  '{ Patient(id: "a") { identifier @flatten @slice(path: "$index") { value @singleton } contained { id ... on Organization { name } } _birthDate { extension(url: "urn:t", fhirpath: "value.exists()") { valueString } } } }',
  'mutation { PatientUpdate(id: "a", res: {resourceType: "Patient", name: [{family: "x"}]}) { id } }',
  '{ __type(name: "Period") { name fields(includeDeprecated: true) { name args { name } } } }',
];

const pieces = [
  ...'{ } ( ) [ ] : ! $ @ ... | = & "'.split(' '),
  ...'null true 1 -1 1e400 9999999999 "" "\\u0000" """block""" $n $x @skip(if: true) @include @flatten @slice(path: "a | b")'.split(
    ' ',
  ),
  ...'id PatientList Patient __schema __typename resource type fragment query on F Unicorn _reference _cursor constructor __proto__'.split(
    ' ',
  ),
  '\u0000',
  '\ud800',
  '#',
];

const damage = fc.array(
  fc.record({ at: fc.nat(400), remove: fc.nat(12), insert: fc.option(fc.constantFrom(...pieces), { nil: '' }) }),
  { minLength: 1, maxLength: 4 },
);
const value = fc.oneof(fc.jsonValue(), fc.string(), fc.integer());

it('never fails otherwise than by an answer in the form of GraphQL, whatever the query and its variables are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...queries), damage, value, value, async (query, places, n, c) => {
      const damaged = places.reduce(
        (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
        query,
      );
      const { status, data, errors } = await ask(damaged, { variables: { n, c } });
      expect([200, 400, 405]).toContain(status);
      if (status !== 200) expect(data).toBeUndefined();
      if (data === undefined) expect(errors?.length).toBeGreaterThan(0);
    }),
    { numRuns: process.env['BOXYARD_DEEP'] === '1' ? 20_000 : 400, seed: 20261121 },
  );
}, 600_000);
