import type { FastifyRequest } from 'fastify';
import { acceptsGzip, laidOut } from './send.js';

test.each([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['GZIP', true],
  ['gzip, deflate, br', true],
  ['deflate, gzip;q=0.5', true],
  ['deflate,gzip ; q=1.0', true],
  ['*', true],
  ['gzip;q=0', false],
  ['gzip; q=0.000', false],
  ['gzip;q=0.001', true],
  ['identity', false],
  ['x-gzip', false],
  ['br', false],
])('Accept-Encoding %j asks for gzip: %s', (header, expected) => {
  expect(acceptsGzip(header)).toBe(expected);
});

describe('_pretty', () => {
  const request = (url: string) => ({ raw: { url } }) as FastifyRequest;

  test('lays out text and bytes', () => {
    expect(laidOut(request('/fhir/Patient/1?_pretty=true'), '{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(laidOut(request('/fhir/metadata?_pretty=true'), Buffer.from('{"a":1}'))).toBe('{\n  "a": 1\n}');
    expect(laidOut(request('/fhir/Patient/1'), '{"a":1}')).toBe('{"a":1}');
  });

  test('leaves a long text as it is, because white space can multiply it', () => {
    const nested = `${'['.repeat(600_000)}${']'.repeat(600_000)}`;
    expect(laidOut(request('/fhir/Patient?_pretty=true'), nested)).toBe(nested);
  });
});
