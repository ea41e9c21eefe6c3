import { requestId } from './request-id.js';

test('a sane X-Request-Id of the caller is kept', () => {
  expect(requestId({ headers: { 'x-request-id': 'trace-1.2:3_4' } })).toBe('trace-1.2:3_4');
});

test.each([
  ['none', undefined],
  ['an empty one', ''],
  ['one with a line break', 'a\nlevel=fatal'],
  ['one with spaces', 'a b'],
  ['a very long one', 'a'.repeat(65)],
])('%s is replaced by a UUID', (_case, value) => {
  expect(requestId({ headers: { 'x-request-id': value } })).toMatch(/^[0-9a-f-]{36}$/);
});
