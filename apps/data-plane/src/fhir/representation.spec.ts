import { acceptsJson, binaryRepresentation, formatOf } from './representation.js';

describe('the representation of an answer', () => {
  test.each<[string | undefined, boolean]>([
    [undefined, true],
    ['', true],
    ['*/*', true],
    ['application/*', true],
    ['text/*', true],
    ['application/fhir+json', true],
    ['APPLICATION/FHIR+JSON; charset=utf-8', true],
    ['application/json', true],
    ['text/json', true],
    ['application/fhir+json, */*; q=0.1', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['application/fhir+xml, application/fhir+json;q=0.5', true],
    ['application/fhir+xml', false],
    ['application/fhir+turtle', false],
    ['text/html', false],
    ['application/fhir+json;q=0, application/fhir+xml', false],
    ['application/fhir+json; fhirVersion=4.0', true],
    ['application/fhir+json; fhirVersion="4.0.1"', true],
    ['application/fhir+json; fhirVersion=5.0', false],
    ['application/fhir+json; fhirVersion=4', true],
    ['nonsense', false],
  ])('Accept %j: %j', (accept, expected) => {
    expect(acceptsJson({ accept, format: undefined }, '4.0.1')).toBe(expected);
  });

  test.each<[string, boolean]>([
    ['json', true],
    ['application/fhir%2Bjson', true],
    ['application/fhir+json', true],
    ['application/json', true],
    ['text/json', true],
    ['JSON', true],
    ['', true],
    ['xml', false],
    ['application/fhir+xml', false],
    ['ttl', false],
    ['%E0', false],
  ])('_format=%s: %j, whatever the header says', (value, expected) => {
    const format = formatOf(`/fhir/Patient?name=a&_format=${value}`);
    const accept = expected ? (format === undefined ? undefined : 'application/fhir+xml') : 'application/json';
    expect(acceptsJson({ accept, format }, '4.0.1')).toBe(expected);
  });
});

test.each<[string | undefined, string, 'resource' | 'content' | undefined]>([
  [undefined, 'image/png', 'content'],
  ['*/*', 'image/png', 'content'],
  ['application/fhir+json', 'image/png', 'resource'],
  ['application/fhir+json, */*; q=0.1', 'image/png', 'resource'],
  ['application/json', 'image/png', 'resource'],
  ['application/json', 'application/json', 'content'],
  ['image/*', 'image/png', 'content'],
  ['image/png, application/fhir+json;q=0.9', 'image/png', 'content'],
  ['text/plain', 'text/plain; charset=utf-8', 'content'],
  ['image/jpeg', 'image/png', undefined],
  ['application/fhir+xml', 'image/png', undefined],
  ['text/html,*/*;q=0.8', 'image/png', 'content'],
])('with Accept %j a Binary of %s is shown as %j', (accept, contentType, expected) => {
  expect(binaryRepresentation({ accept, format: undefined }, '4.0.1', contentType)).toBe(expected);
});

test('_format=json asks for the Binary itself, not its content', () => {
  expect(binaryRepresentation({ accept: '*/*', format: 'json' }, '4.0.1', 'image/png')).toBe('resource');
  expect(binaryRepresentation({ accept: '*/*', format: 'xml' }, '4.0.1', 'image/png')).toBeUndefined();
});
