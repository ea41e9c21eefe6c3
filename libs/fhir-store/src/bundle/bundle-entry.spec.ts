import { fhirVersion } from '#fhir';
import { entityOf, readEntry, type ReadingInteraction } from './bundle-entry.js';

const baseUrl = 'https://quay.example.org/fhir/R4/';
const version = fhirVersion('4.0.1');
const read = (method: string, url: string, more: object = {}, resource: string | undefined = '{}') =>
  readEntry(version, baseUrl, { request: { method, url, ...more } }, resource).interaction;

describe('the request of an entry', () => {
  test.each([
    ['GET', 'Patient/1', { kind: 'read', type: 'Patient', id: '1' }],
    ['GET', '/Patient/1', { kind: 'read', type: 'Patient', id: '1' }],
    ['GET', `${baseUrl}Patient/1`, { kind: 'read', type: 'Patient', id: '1' }],
    ['HEAD', 'Patient/1', { kind: 'read', type: 'Patient', id: '1', head: true }],
    ['GET', 'Patient', { kind: 'search', path: 'Patient', query: '' }],
    ['GET', '/Patient?name=a?b&_count=1', { kind: 'search', path: 'Patient', query: 'name=a?b&_count=1' }],
    ['GET', 'Patient/1/Observation?code=x', { kind: 'search', path: 'Patient/1/Observation', query: 'code=x' }],
    ['GET', '?_type=Patient', { kind: 'search', path: '', query: '_type=Patient' }],
    ['GET', '_history?_count=2', { kind: 'history', query: '_count=2' }],
    ['GET', 'Patient/_history', { kind: 'history', type: 'Patient', query: '' }],
    ['GET', 'Patient/1/_history?_count=2', { kind: 'history', type: 'Patient', id: '1', query: '_count=2' }],
    ['GET', 'Patient/1/_history/7', { kind: 'vread', type: 'Patient', id: '1', versionId: '7' }],
    ['POST', 'Patient', { kind: 'create', type: 'Patient' }],
    ['PUT', 'Patient/1', { kind: 'update', type: 'Patient', id: '1' }],
    ['PUT', 'Patient?identifier=1', { kind: 'conditional-update', type: 'Patient', query: 'identifier=1' }],
    ['PATCH', 'Patient/1', { kind: 'patch', type: 'Patient', id: '1' }],
    ['PATCH', 'Patient?identifier=1', { kind: 'conditional-patch', type: 'Patient', query: 'identifier=1' }],
    ['DELETE', 'Patient/1', { kind: 'delete', type: 'Patient', id: '1' }],
    ['DELETE', 'Patient?name=x', { kind: 'conditional-delete', type: 'Patient', query: 'name=x' }],
    [
      'GET',
      'Patient/1/$everything?_count=2',
      { kind: 'operation', method: 'GET', name: '$everything', type: 'Patient', id: '1', query: '_count=2' },
    ],
    ['GET', 'metadata', { kind: 'operation', method: 'GET', name: 'metadata', query: '' }],
    ['DELETE', 'Patient/?name=x/', { kind: 'conditional-delete', type: 'Patient', query: 'name=x/' }],
    ['GET', '/Patient/1/', { kind: 'read', type: 'Patient', id: '1' }],
    ['POST', '$convert', { kind: 'operation', method: 'POST', name: '$convert', query: '' }],
    ['POST', 'Patient/$validate', { kind: 'operation', method: 'POST', name: '$validate', type: 'Patient', query: '' }],
  ])('%s %s is understood', (method, url, interaction) => {
    expect(read(method, url)).toEqual(interaction);
  });

  test('has no fullUrl when that is empty', () => {
    const request = { method: 'POST', url: 'Patient' };
    expect(readEntry(version, baseUrl, { fullUrl: '', request }, '{}')).not.toHaveProperty('fullUrl');
    expect(readEntry(version, baseUrl, { fullUrl: 'urn:uuid:a', request }, '{}').fullUrl).toBe('urn:uuid:a');
  });

  test('carries its conditions', () => {
    expect(read('POST', 'Patient', { ifNoneExist: 'identifier=1' })).toMatchObject({ ifNoneExist: 'identifier=1' });
    expect(read('PUT', 'Patient/1', { ifMatch: 'W/"1"' })).toMatchObject({ ifMatch: 'W/"1"' });
    expect(read('PUT', 'Patient?identifier=1', { ifNoneMatch: '*' })).toMatchObject({ ifNoneMatch: '*' });
    expect(read('DELETE', 'Patient/1', { ifNoneMatch: 'W/"1"' })).toMatchObject({ ifNoneMatch: 'W/"1"' });
    const unchanged = { ifNoneMatch: 'W/"1"', ifModifiedSince: '2026-11-21T04:10:12Z' };
    expect(read('GET', 'Patient/1', unchanged)).toMatchObject(unchanged);
    expect(read('PUT', 'Patient/1', { ifMatch: '' })).not.toHaveProperty('ifMatch');
  });

  test.each([
    ['POST', 'Patient/1', 'not-supported'],
    ['DELETE', 'Patient/1/$everything', 'not-supported'],
    ['PUT', '_history', 'not-supported'],
    ['PUT', 'Patient/1/_history/2', 'not-supported'],
    ['GET', 'Patient/1/_history/2/3', 'not-supported'],
    ['GET', 'Patient/_search', 'not-supported'],
    ['GET', '_search?name=x', 'not-supported'],
    ['POST', 'Patient/_search?name=x', 'not-supported'],
    ['PUT', 'metadata', 'not-supported'],
    ['GET', 'metadata/1', 'not-found'],
    ['GET', 'Patient//', 'not-found'],
    ['GET', 'Patient/a_b', 'not-found'],
    ['GET', '//evil.example.org/Patient/1', 'not-found'],
    ['GET', 'https://evil.example.org/Patient/1', 'invalid'],
    ['', 'Patient', 'invalid'],
    ['GET', '', 'invalid'],
    ['GET', '$x\\..\\..\\..\\p\\other\\fhir\\Patient', 'not-found'],
    ['GET', 'Patient/1/$x%2f..', 'not-found'],
    ['GET', '$', 'not-found'],
    ['POST', 'Patient/1/foo/$validate', 'not-found'],
    ['GET', 'Patient/_history/$meta', 'not-found'],
  ])('%s %s is refused', (method, url, category) => {
    expect(() => read(method, url)).toThrow(expect.objectContaining({ category }));
  });

  test('that writes needs a resource', () => {
    for (const method of ['POST', 'PUT', 'PATCH']) {
      expect(() => readEntry(version, baseUrl, { request: { method, url: 'Patient' } }, undefined)).toThrow(
        'needs a resource',
      );
    }
  });
});

test.each([
  'Patient/1',
  'Patient/1/_history',
  'Patient/_history',
  '_history',
  'Patient/1/_history/3',
  'Patient',
  'Patient?name=x',
  'Patient/1/Observation?code=x',
])('what GET %s reads is named by its address', (url) => {
  expect(entityOf(read('GET', url) as ReadingInteraction)).toBe(url);
});
