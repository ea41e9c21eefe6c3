import { fhirVersion, supportedFhirVersions, type JsonObject } from '#fhir';
import { matchesCriteria } from './evaluate/matches-criteria.js';
import { filedUnderToken } from './filed-under.js';
import { indexResource } from './index-resource.js';
import { parseSearch } from './parse-search.js';
import { tokenHasher } from './token-hasher.js';

const version = fhirVersion('R4');
const hasher = tokenHasher(Buffer.alloc(32, 7));
const ownBaseUrls = ['https://own.example/fhir/R4/'];

const filed: JsonObject = {
  resourceType: 'Observation',
  id: 'o1',
  meta: {
    accounts: [{ reference: 'Organization/a' }],
    compartment: [{ reference: 'Organization/a' }, { reference: 'Patient/ana' }],
  },
  performer: [{ reference: 'Organization/x' }],
};

const parse = (query: string) => parseSearch(version, 'Observation', query, { handling: 'strict', ownBaseUrls });

describe('_compartment', () => {
  it.each([
    ['_compartment=Organization/a', true],
    ['_compartment=Organization/b', false],
    ['_compartment=Patient/ana', true],
    ['_compartment=Organization/b,Patient/ana', true],
    ['_compartment=Organization/a&_compartment=Patient/ana', true],
    ['_compartment=Organization/a&_compartment=Patient/bob', false],
    ['_compartment=ana', true],
    ['_compartment=a', true],
    ['_compartment=Organization', false],
    ['_compartment=Organization/x', false],
    ['_compartment=https://own.example/fhir/R4/Organization/a', true],
    ['_compartment:not=Organization/a', false],
    ['_compartment:not=Organization/b', true],
    ['_compartment:not=Organization/b,Patient/ana', false],
    ['_compartment:missing=false', true],
    ['_compartment:missing=true', false],
  ])('%s: %s', (query, expected) => {
    expect(matchesCriteria(version, parse(query).criteria, filed, { ownBaseUrls })).toBe(expected);
  });

  it('is missing where nothing is filed', () => {
    const loose = { resourceType: 'Observation', id: 'o2', meta: {} };
    expect(matchesCriteria(version, parse('_compartment:missing=true').criteria, loose)).toBe(true);
    expect(matchesCriteria(version, parse('_compartment:not=Organization/a').criteria, loose)).toBe(true);
  });

  it.each([
    '_compartment=Organization/a/b',
    '_compartment=https://other.example/fhir/R4/Organization/a',
    '_compartment=a%20b',
    '_compartment=|a',
    '_compartment:text=a',
    '_compartment:Organization=a',
    '_compartment:contains=a',
    '_compartment.name=a',
    '_compartment:Organization.name=a',
    '_has:Observation:_compartment:code=a',
    '_include=Observation:_compartment',
  ])('does not take %s', (query) => {
    expect(() => parse(query)).toThrow();
  });

  it.each(supportedFhirVersions())('is a parameter of every type of FHIR $label', ({ label }) => {
    const types = fhirVersion(label).resourceTypes;
    expect(types.filter((type) => !fhirVersion(label).searchParameters(type).has('_compartment'))).toEqual([]);
  });

  it('stands in the index with one token for each reference and one for its id', () => {
    const { tokens } = indexResource(version, hasher, filed);
    const { tokens: without } = indexResource(version, hasher, { ...filed, meta: {} });
    const added = tokens.filter((token) => !without.includes(token));
    // The fifth says that there are any.
    expect(added).toHaveLength(5);
    for (const name of ['Organization/a', 'a', 'Patient/ana', 'ana']) {
      expect(added).toContain(filedUnderToken(version, hasher, 'Observation', name));
    }
  });

  it('stands before all other tokens, the accounts before the patients', () => {
    const { tokens } = indexResource(version, hasher, filed);
    const names = ['Organization/a', 'Patient/ana'];
    expect(tokens.slice(0, 2)).toEqual(names.map((name) => filedUnderToken(version, hasher, 'Observation', name)));
  });
});
