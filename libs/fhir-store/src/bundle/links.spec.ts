import { describe, expect, test } from '@jest/globals';
import { baseOfFullUrl, hasConditionalReference, rewriteLinks } from './links.js';

const targets: Record<string, string> = { 'urn:uuid:1': 'Patient/p', 'http://x/fhir/Patient/1': 'Patient/q' };
const resolve = (link: string) => targets[link];
const nothing = () => undefined;

describe('links in a resource', () => {
  test.each([
    ['a reference', '{"reference":"urn:uuid:1"}', '{"reference":"Patient/p"}'],
    ['a reference with a fragment', '{"reference":"urn:uuid:1#a"}', '{"reference":"Patient/p#a"}'],
    ['an escaped reference', '{"reference":"urn:\\u0075uid:1"}', '{"reference":"Patient/p"}'],
    ['a uri', '{"url":"http://x/fhir/Patient/1"}', '{"url":"Patient/q"}'],
    [
      'a list of uris',
      '{"instantiatesUri":["urn:uuid:1","urn:uuid:2"]}',
      '{"instantiatesUri":["Patient/p","urn:uuid:2"]}',
    ],
    [
      'a narrative',
      '{"div":"<a href=\\"urn:uuid:1\\">urn:uuid:1</a>"}',
      '{"div":"<a href=\\"Patient/p\\">urn:uuid:1</a>"}',
    ],
    ['a narrative image', `{"div":"<img src='urn:uuid:1#x'/>"}`, `{"div":"<img src='Patient/p#x'/>"}`],
  ])('are followed in %s', (_, text, rewritten) => {
    expect(rewriteLinks(text, resolve, nothing)).toBe(rewritten);
  });

  test.each([
    ['an identifier', '{"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:1"}]}'],
    ['a part of a text', '{"text":"see urn:uuid:1"}'],
    ['a member name', '{"urn:uuid:1":1}'],
    ['a fragment of its own', '{"reference":"#urn:uuid:1"}'],
    ['an unknown link', '{"reference":"urn:uuid:2","n":1.00}'],
  ])('are left alone in %s', (_, text) => {
    expect(rewriteLinks(text, resolve, nothing)).toBe(text);
  });

  test('that are conditional stand in references only', () => {
    const conditional = () => 'Patient/found';
    const text = '{"a":{"reference":"Patient?identifier=1"},"b":"Patient?identifier=1"}';
    expect(hasConditionalReference(text)).toBe(true);
    expect(rewriteLinks(text, resolve, conditional)).toBe(
      '{"a":{"reference":"Patient/found"},"b":"Patient?identifier=1"}',
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
