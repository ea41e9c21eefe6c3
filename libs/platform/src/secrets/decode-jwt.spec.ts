import { decodeJwt } from './decode-jwt.js';

const encoded = (text: string): string => Buffer.from(text).toString('base64url');
const token = (header: string, payload: string): string => `${encoded(header)}.${encoded(payload)}.aaaa`;
const header = '{"alg":"ES256","typ":"JWT"}';

test('header and payload are read, whoever has signed them', () => {
  expect(decodeJwt(token(header, '{"sub":"me"}'))).toEqual({
    header: { alg: 'ES256', typ: 'JWT' },
    payload: { sub: 'me' },
  });
});

test.each([
  ['a payload that is no JSON', token(header, 'abc')],
  ['a payload that is null', token(header, 'null')],
  ['a payload that is a list', token(header, '[]')],
  ['a payload that is a text', token(header, '"abc"')],
  ['a payload of no type', token('{"alg":"ES256"}', 'abc')],
  ['a header that is no JSON', token('abc', '{}')],
  ['a header that is null', token('null', '{}')],
  ['one part', 'abc'],
  ['nothing', ''],
])('a text with %s is none', (_, text) => {
  expect(decodeJwt(text)).toBeUndefined();
});
