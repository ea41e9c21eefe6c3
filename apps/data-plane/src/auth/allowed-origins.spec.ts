import { allowedOriginsOf, isAllowedOrigin } from './allowed-origins.js';

const allowed = allowedOriginsOf({ allowedOrigin: ['https://app.example', 'http://localhost:3000/'] });

test.each([
  ['https://app.example', true],
  ['http://localhost:3000', true],
  [undefined, true],
  ['https://app.example:8443', false],
  ['http://app.example', false],
  ['https://evil.app.example', false],
  ['https://app.example.evil.example', false],
  ['null', false],
  ['', false],
])('of a client that allows two origins a request from %j is allowed: %j', (origin, expected) => {
  expect(isAllowedOrigin(allowed, origin)).toBe(expected);
});

test('a client that names no origin allows all', () => {
  for (const client of [{}, { allowedOrigin: [] }]) {
    expect(isAllowedOrigin(allowedOriginsOf(client), 'https://any.example')).toBe(true);
  }
});
