import { failureOf } from './schema-errors.js';

const said = (code: string, message: string) => failureOf(Object.assign(new Error(message), { code }));

describe('what is kept of an error', () => {
  test.each([
    ['22P02', 'invalid input syntax for type integer: "Ana "the" Quay"', 'invalid input syntax for type integer: "…"'],
    ['22003', 'value "19850412" is out of range for type smallint', 'value "…" is out of range for type smallint'],
    ['22008', 'date/time field value out of range: "1985-13-12"', 'date/time field value out of range: "…"'],
  ])('%s shows no value of a row', (code, message, kept) => {
    expect(said(code, message).message).toBe(kept);
  });

  test('shows which constraint or table it was', () => {
    expect(said('23505', 'could not create unique index "slot_label"').message).toContain('slot_label');
  });

  test.each([
    ['08006', true],
    ['25P03', true],
    ['40P01', true],
    ['40001', true],
    ['53300', true],
    ['55P03', true],
    ['57P01', true],
    ['57014', false],
    ['42601', false],
    ['23514', false],
    ['XX000', false],
  ])('says of %s whether the same may succeed later: %s', (code, isTransient) => {
    expect(said(code, 'anything')).toMatchObject({ code, isTransient });
  });

  test('takes an error without a state for a lost connection', () => {
    expect(failureOf(new Error('read ECONNRESET'))).toMatchObject({ code: 'connection', isTransient: true });
  });
});
