import { fhirVersion, supportedFhirVersions, type FhirVersion } from '#fhir';
import { baseOfFullUrl, hasConditionalReference, rewriteLinks, type LinkPlace, type LinkTargets } from './links.js';

const r4 = fhirVersion('4.0.1');
const urn = 'urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a';
const oid = 'urn:oid:2.16.840.1.113883.6.238';
const address = 'http://x/fhir/Patient/1';
const canonical = 'http://x/fhir/ValueSet/1';

const replaced: Record<string, string> = { [urn]: 'Patient/p', [oid]: 'CodeSystem/c', [address]: 'Patient/q' };

/** Entries with these fullUrls; the last is one of a type with canonical urls, and means nothing but in references. */
const targets = (places: LinkPlace[] = []): LinkTargets => ({
  haveAddresses: true,
  find: (link) => {
    const to = link === canonical ? 'ValueSet/v' : replaced[link];
    if (to === undefined) return undefined;
    return {
      isMeantIn: (place) => {
        places.push(place);
        return link === canonical ? place === 'reference' : link.startsWith('urn:') || place !== 'uri';
      },
      address: (isVersioned) => (isVersioned ? `${to}/_history/7` : to),
    };
  },
  resolveCondition: () => undefined,
});

const rewritten = (resource: object, version: FhirVersion = r4): unknown =>
  JSON.parse(rewriteLinks(version, JSON.stringify(resource), targets()));

/** The resource as it is with each mark for a link replaced. */
const both = (make: (link: string) => object, from: string, to: string) => [make(from), make(to)] as const;

describe('links in a resource', () => {
  test.each([
    ['a reference', both((reference) => ({ resourceType: 'Encounter', subject: { reference } }), urn, 'Patient/p')],
    [
      'a reference in an extension of a primitive',
      both(
        (reference) => ({
          resourceType: 'Patient',
          _birthDate: { extension: [{ url: 'http://x/e', valueReference: { reference } }] },
        }),
        address,
        'Patient/q',
      ),
    ],
    [
      'a reference of a contained resource',
      both(
        (reference) => ({
          resourceType: 'Patient',
          contained: [{ link: [{ other: { reference } }], resourceType: 'Patient' }],
        }),
        address,
        'Patient/q',
      ),
    ],
    [
      'a reference with a fragment',
      both((reference) => ({ resourceType: 'Encounter', subject: { reference } }), `${urn}#a`, 'Patient/p#a'),
    ],
    [
      'a reference to a version',
      both(
        (reference) => ({ resourceType: 'Encounter', subject: { reference } }),
        `${address}/_history/4#a`,
        'Patient/q/_history/7#a',
      ),
    ],
    [
      'a reference to what may have a canonical url',
      both((reference) => ({ resourceType: 'Basic', subject: { reference } }), canonical, 'ValueSet/v'),
    ],
    [
      'an attachment',
      both((url) => ({ resourceType: 'Patient', photo: [{ url }, { title: 'x' }, { url }] }), address, 'Patient/q'),
    ],
    [
      'a list of uris',
      both(
        (uri) => ({
          resourceType: 'CarePlan',
          instantiatesUri: [uri, 'urn:uuid:2', uri],
          title: uri.slice(0, 3) && 't',
        }),
        urn,
        'Patient/p',
      ),
    ],
    [
      'the uri of an extension',
      both((valueUri) => ({ resourceType: 'Patient', extension: [{ url: urn, valueUri }] }), urn, 'Patient/p'),
    ],
    [
      'a narrative',
      both(
        (link) => ({
          resourceType: 'Patient',
          text: { div: `<div><a href="${link}">${urn}</a><img src='${link}#x'/></div>` },
        }),
        urn,
        'Patient/p',
      ),
    ],
  ])('are followed in %s', (_, [resource, expected]) => {
    expect(rewritten(resource)).toEqual(expected);
  });

  test.each(supportedFhirVersions())('are told by the definitions of FHIR $label', ({ id }) => {
    const resource = (reference: string, url: string) => ({
      resourceType: 'DocumentReference',
      subject: { reference },
      identifier: [{ system: urn, value: urn }],
      description: urn,
      content: [{ attachment: { url, title: urn } }],
    });
    expect(rewritten(resource(urn, urn), fhirVersion(id))).toEqual(resource('Patient/p', 'Patient/p'));
  });

  test('are followed in however a reference is written', () => {
    const text = String.raw`{"resourceType":"Encounter","subject":{"reference":"http:\/\/x\/fhir\/Patient\/1"},"n":1.00}`;
    expect(rewriteLinks(r4, text, targets())).toBe(
      '{"resourceType":"Encounter","subject":{"reference":"Patient/q"},"n":1.00}',
    );
  });

  test.each([
    ['a canonical url of its own', { resourceType: 'ValueSet', url: canonical }],
    ['a canonical url of its own that is a urn', { resourceType: 'CodeSystem', url: oid }],
    ['a canonical', { resourceType: 'QuestionnaireResponse', questionnaire: urn }],
    ['a list of canonicals', { resourceType: 'CarePlan', instantiatesCanonical: [urn, canonical] }],
    ['a profile', { resourceType: 'Patient', meta: { profile: [urn, address] } }],
    ['a uri that is an address', { resourceType: 'CarePlan', instantiatesUri: [address, canonical] }],
    [
      'an address that may be a canonical url',
      { resourceType: 'Basic', extension: [{ url: 'u', valueUrl: canonical }] },
    ],
    ['a uri called reference', { resourceType: 'DetectedIssue', reference: address }],
    [
      'the system of a code',
      { resourceType: 'Observation', code: { coding: [{ system: oid, code: urn, display: urn }] } },
    ],
    [
      'the system of a value set',
      { resourceType: 'ValueSet', compose: { include: [{ system: oid, valueSet: [urn] }] } },
    ],
    ['the systems of a map', { resourceType: 'ConceptMap', group: [{ source: oid, target: oid }] }],
    ['an identifier', { resourceType: 'Patient', identifier: [{ system: urn, value: urn }] }],
    ['a tag', { resourceType: 'Patient', meta: { tag: [{ system: urn, code: urn, display: urn }] } }],
    ['the url of an extension', { resourceType: 'Patient', extension: [{ url: address, valueString: urn }] }],
    ['a text', { resourceType: 'Observation', code: { text: urn }, note: [{ text: urn }], valueString: urn }],
    ['a part of a text', { resourceType: 'Patient', name: [{ text: `see "${urn}", "reference":"${urn}"` }] }],
    ['a uuid, which an address is none of', { resourceType: 'Patient', extension: [{ url: 'u', valueUuid: urn }] }],
    ['a member name', { resourceType: 'Patient', [urn]: 1 }],
    ['a fragment of its own', { resourceType: 'Encounter', subject: { reference: `#${urn}` } }],
    ['an unknown link', { resourceType: 'Encounter', subject: { reference: 'urn:uuid:2' } }],
    [
      'the entries of a Bundle, which have links of their own',
      {
        resourceType: 'Bundle',
        entry: [
          { fullUrl: urn, resource: { resourceType: 'Patient', text: { div: `<a href="${urn}"/>` } } },
          {
            resource: {
              resourceType: 'Encounter',
              subject: { reference: urn },
              location: [{ location: { reference: address } }],
            },
          },
        ],
      },
    ],
  ])('are left alone in %s', (_, resource) => {
    expect(rewritten(resource)).toEqual(resource);
  });

  test('are looked for only where FHIR has them', () => {
    const places: LinkPlace[] = [];
    const resource = { resourceType: 'CarePlan', subject: { reference: urn }, instantiatesUri: [urn], title: urn };
    rewriteLinks(r4, JSON.stringify(resource), targets(places));
    expect(places).toEqual(['reference', 'uri']);
  });

  test('that are conditional stand in references only', () => {
    const conditional = { ...targets(), resolveCondition: () => 'Patient/found' };
    const text =
      '{"resourceType":"Encounter","subject":{"reference":"Patient?identifier=1"},"b":"Patient?identifier=1"}';
    expect(hasConditionalReference(text)).toBe(true);
    expect(rewriteLinks(r4, text, conditional)).toBe(
      '{"resourceType":"Encounter","subject":{"reference":"Patient/found"},"b":"Patient?identifier=1"}',
    );
    expect(hasConditionalReference('{"a":{"reference":"Patient/1"},"b":"Patient?x=1"}')).toBe(false);
  });
});

test.each([
  ['https://x/fhir/Patient/1', 'https://x/fhir/'],
  ['http://x/Patient/a.b-c', 'http://x/'],
  ['urn:uuid:1', undefined],
  ['Patient/1', undefined],
  ['https://x/fhir/Patient/1/_history/2', undefined],
  [undefined, undefined],
])('the base of the fullUrl %s is %s', (fullUrl, base) => {
  expect(baseOfFullUrl(fullUrl)).toBe(base);
});
