import { expect, test } from '@jest/globals';
import { acceptsGzip } from './send.js';

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
