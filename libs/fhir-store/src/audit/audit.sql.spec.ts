import { shortened } from './audit.sql.js';

test('the audit keeps the beginning of a long query, with an ellipsis and without half a character', () => {
  expect(shortened('Patient?name=x')).toBe('Patient?name=x');
  expect(shortened('x'.repeat(2000))).toBe('x'.repeat(2000));
  expect(shortened('x'.repeat(2001))).toBe(`${'x'.repeat(1999)}…`);
  const cut = shortened(`${'x'.repeat(1998)}${'\u{1f600}'.repeat(10)}`);
  expect([cut.length, cut.isWellFormed()]).toEqual([2000, true]);
});
