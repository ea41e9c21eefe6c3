import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';
import { binaryUrls } from './binary-urls.js';

const r4 = fhirVersion('4.0.1');
const found = (resource: unknown, version = r4) => {
  const text = typeof resource === 'string' ? resource : JSON.stringify(resource);
  return binaryUrls(version, text).map(({ start, end, id }) => {
    expect(JSON.parse(text.slice(start, end))).toBe(`Binary/${id}`);
    return id;
  });
};
const patient = { resourceType: 'Patient', photo: [{ url: 'Binary/a' }, { title: 'x', url: 'Binary/b' }] };

describe('addresses of Binaries', () => {
  test.each(supportedFhirVersions())('are found in Attachments of FHIR $label', ({ id }) => {
    const version = fhirVersion(id);
    expect(found(patient, version)).toEqual(['a', 'b']);
    const document = { resourceType: 'DocumentReference', content: [{ attachment: { url: 'Binary/a' } }] };
    expect(found(document, version)).toEqual(['a']);
  });

  test.each([
    ['in an extension', { extension: [{ url: 'http://x.example', valueAttachment: { url: 'Binary/a' } }] }],
    ['beside a primitive', { _birthDate: { extension: [{ url: 'u', valueAttachment: { url: 'Binary/a' } }] } }],
    ['in a contained resource', { contained: [{ photo: [{ url: 'Binary/a' }], resourceType: 'Practitioner' }] }],
  ])('are found %s', (_where, members) => {
    expect(found({ resourceType: 'Patient', ...members })).toEqual(['a']);
  });

  test('are found in the resources of a Bundle, and not where it says what was asked for', () => {
    const entry = [
      { fullUrl: 'http://x.example/Patient/1', resource: patient, request: { method: 'PUT', url: 'Binary/c' } },
      { resource: { resourceType: 'Binary', contentType: 'a/b' }, request: { method: 'POST', url: 'Binary/d' } },
    ];
    expect(found({ resourceType: 'Bundle', type: 'history', entry })).toEqual(['a', 'b']);
  });

  test.each([
    ['a reference', { managingOrganization: { reference: 'Binary/a' } }],
    ['the url of an extension', { extension: [{ url: 'Binary/a', valueString: 'x' }] }],
    ['the same words in a text', { name: [{ text: '"url":"Binary/a"' }] }],
    ['another server', { photo: [{ url: 'https://x.example/Binary/a' }] }],
    ['what is no id', { photo: [{ url: 'Binary/a b' }, { url: 'Binary/a/_history/1' }, { url: 'Binary/' }] }],
    ['an unknown element', { something: [{ url: 'Binary/a' }] }],
  ])('are not found in %s', (_what, members) => {
    expect(found({ resourceType: 'Patient', ...members })).toEqual([]);
  });

  test('are found with an escaped slash and among escaped quotes', () => {
    const name = String.raw`"name":[{"text":"a\\\"{[b\\"}]`;
    expect(found(String.raw`{"resourceType":"Patient",${name},"photo":[{"url":"Binary\/a"}]}`)).toEqual(['a']);
  });
});
