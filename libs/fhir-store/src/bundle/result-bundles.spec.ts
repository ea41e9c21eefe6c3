import { fhirVersion } from '#fhir';
import { parseSearchAt, type SearchRequest } from '#fhir-search';
import type { SearchResult } from '../search/search.js';
import type { StoredVersion } from '../stored-version.js';
import { searchsetBundle } from './result-bundles.js';

const presentation = { baseUrl: 'https://quay.example.org/fhir/R4/', extended: false };
const stored = (type: string, id: string): StoredVersion => ({
  type,
  id,
  versionId: '1',
  lastUpdated: '2026-11-21T04:10:12.345Z',
  deleted: false,
  body: `{"resourceType":"${type}","id":"${id}","meta":{"versionId":"1","lastUpdated":"2026-11-21T04:10:12.345Z"}}`,
  extendedMeta: '"project":"x"',
});

const version = fhirVersion('R4');
const requestOf = (path: string, query: string, handling: 'strict' | 'lenient' = 'strict'): SearchRequest =>
  parseSearchAt(version, path, query, { handling });

interface Searchset {
  readonly total?: number;
  readonly link: readonly { relation: string; url: string }[];
  readonly entry?: readonly object[];
}

function bundleOf(request: SearchRequest, result: Partial<SearchResult> = {}): Searchset {
  return JSON.parse(searchsetBundle(request, { hits: [], included: [], ...result }, presentation)) as Searchset;
}

const linksOf = (set: Searchset) =>
  Object.fromEntries(set.link.map(({ relation, url }) => [relation, url.replace(presentation.baseUrl, '')]));

describe('a searchset', () => {
  test('has the matches, then what comes along, each with its mode', () => {
    const set = bundleOf(requestOf('Patient', ''), {
      hits: [stored('Patient', 'p')],
      included: [stored('Organization', 'o')],
      total: 7,
    });
    expect(set).toMatchObject({ resourceType: 'Bundle', type: 'searchset', total: 7 });
    expect(set.entry).toEqual([
      {
        fullUrl: 'https://quay.example.org/fhir/R4/Patient/p',
        resource: JSON.parse(stored('Patient', 'p').body) as object,
        search: { mode: 'match' },
      },
      {
        fullUrl: 'https://quay.example.org/fhir/R4/Organization/o',
        resource: JSON.parse(stored('Organization', 'o').body) as object,
        search: { mode: 'include' },
      },
    ]);
  });

  test('without matches has no entry and no total that nobody asked for', () => {
    expect(bundleOf(requestOf('Patient', ''))).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      link: [{ relation: 'self', url: 'https://quay.example.org/fhir/R4/Patient' }],
    });
  });

  test('links to itself and to the next page, which does not repeat the offset', () => {
    const request = requestOf('Patient', 'name=a%26b+%C3%A9&_count=1&_offset=5');
    expect(linksOf(bundleOf(request, { next: 'c+/=' }))).toEqual({
      self: 'Patient?name=a%26b+%C3%A9&_count=1&_offset=5',
      first: 'Patient?name=a%26b+%C3%A9&_count=1',
      previous: 'Patient?name=a%26b+%C3%A9&_count=1&_offset=4',
      next: 'Patient?name=a%26b+%C3%A9&_count=1&_cursor=c%2B%2F%3D',
    });
  });

  test('of a later page links to the first one', () => {
    expect(linksOf(bundleOf(requestOf('Patient', '_count=5&_cursor=x')))).toEqual({
      self: 'Patient?_count=5&_cursor=x',
      first: 'Patient?_count=5',
    });
    expect(linksOf(bundleOf(requestOf('Patient', '_count=5&_offset=5'))).previous).toBe('Patient?_count=5');
  });

  test('shows in its self link what had an effect and nothing else', () => {
    const request = requestOf('Patient', 'nosuch=1&name=a&gender=&_include=Nothing:x&family.x=1', 'lenient');
    expect(linksOf(bundleOf(request))).toEqual({ self: 'Patient?name=a' });
  });

  test.each([
    ['', '_type=Patient&_id=x', '?_type=Patient&_id=x'],
    ['Patient/1/Observation', 'status=final', 'Patient/1/Observation?status=final'],
    ['Patient/1/*', '', 'Patient/1/*'],
  ])('of a search at %j links to that address', (path, query, expected) => {
    expect(linksOf(bundleOf(requestOf(path, query))).self).toBe(expected);
  });

  test('shows the extended meta to those who ask for it', () => {
    const text = searchsetBundle(
      requestOf('Patient', ''),
      { hits: [stored('Patient', 'p')], included: [] },
      { ...presentation, extended: true },
    );
    expect(text).toContain('"meta":{"project":"x","versionId":"1"');
  });
});
