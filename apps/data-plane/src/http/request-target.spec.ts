import { parseRequestTarget } from './request-target.js';

describe('a request target', () => {
  test.each([
    ['/fhir/R4/Patient/1', undefined, '', 'R4', '/fhir/Patient/1'],
    ['/fhir/Patient/1', undefined, '', undefined, '/fhir/Patient/1'],
    ['/p/quay/fhir/R4/Patient?name=a/b', 'quay', '/p/quay', 'R4', '/fhir/Patient?name=a/b'],
    ['/p/quay/fhir/R4B', 'quay', '/p/quay', 'R4B', '/fhir'],
    ['/p/quay/fhir/R4/', 'quay', '/p/quay', 'R4', '/fhir'],
    ['/fhir/', undefined, '', undefined, '/fhir'],
    ['/fhir/?_type=Patient', undefined, '', undefined, '/fhir?_type=Patient'],
    ['/fhir/R4?/x', undefined, '', 'R4', '/fhir?/x'],
    ['/fhir/R4/?a=b', undefined, '', 'R4', '/fhir?a=b'],
    ['/fhir', undefined, '', undefined, '/fhir'],
    ['/fhir/R4/Patient/', undefined, '', 'R4', '/fhir/Patient'],
    ['/p/quay/fhir/R4/Patient/?name=a/', 'quay', '/p/quay', 'R4', '/fhir/Patient?name=a/'],
    ['/fhir/Patient/1/', undefined, '', undefined, '/fhir/Patient/1'],
    ['/fhir/Patient//', undefined, '', undefined, '/fhir/Patient//'],
    ['/fhir//', undefined, '', undefined, '/fhir//'],
    ['/fhir/Patient/1/_history/', undefined, '', undefined, '/fhir/Patient/1/_history/'],
    ['/fhir/Patient?name=a/', undefined, '', undefined, '/fhir/Patient?name=a/'],
    ['/auth/me/', undefined, '', undefined, '/auth/me/'],
    ['/fhir/STU3/Patient', undefined, '', 'STU3', '/fhir/Patient'],
    ['/fhir/R4x/Patient', undefined, '', undefined, '/fhir/R4x/Patient'],
    ['/fhir/Patient/R4', undefined, '', undefined, '/fhir/Patient/R4'],
    ['/p/quay', 'quay', '/p/quay', undefined, '/'],
    ['/p/quay?a=b', 'quay', '/p/quay', undefined, '/?a=b'],
    ['/p/', '', '/p/', undefined, '/'],
    ['/p/a/p/b/fhir/x', 'a', '/p/a', undefined, '/p/b/fhir/x'],
    ['/oauth2/token', undefined, '', undefined, '/oauth2/token'],
    ['/', undefined, '', undefined, '/'],
  ])('%s is taken apart', (given, projectName, prefix, fhirVersion, url) => {
    expect(parseRequestTarget(given, true)).toEqual({ projectName, prefix, fhirVersion, url, flaw: undefined });
  });

  test('keeps /p/ when paths do not name projects', () => {
    expect(parseRequestTarget('/p/quay/fhir/R4/Patient', false)).toMatchObject({
      projectName: undefined,
      prefix: '',
      url: '/p/quay/fhir/R4/Patient',
    });
  });

  test.each([
    ['/fhir/Patient/%E0%A4', 'malformed'],
    ['/fhir/Patient/%', 'malformed'],
    ['/fhir/Patient/%41', undefined],
    ['/fhir/Patient?name=%E0%A4', undefined],
    [`/fhir/Patient/${'x'.repeat(1025)}`, 'too-long'],
    [`/fhir/Patient/${'x'.repeat(1024)}`, undefined],
    [`/fhir/Patient?name=${'x'.repeat(5000)}`, undefined],
    [`/fhir/${'x/'.repeat(2000)}`, undefined],
  ])('%s has the flaw %s', (url, flaw) => {
    const target = parseRequestTarget(url, true);
    expect(target.flaw).toBe(flaw);
    if (flaw !== undefined) expect(target.url).toBe('/');
  });
});
