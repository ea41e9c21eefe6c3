import { isSerializationFailure, isUniqueViolation, sqlState } from './errors.js';

test('a SQLSTATE is told from Node’s error codes', () => {
  expect(sqlState({ code: '23505' })).toBe('23505');
  expect(sqlState({ code: '40P01' })).toBe('40P01');
  expect(sqlState({ code: 'EPIPE' })).toBeUndefined();
  expect(sqlState({ code: 'ECONNREFUSED' })).toBeUndefined();
  expect(sqlState(new Error('x'))).toBeUndefined();
  expect(sqlState(undefined)).toBeUndefined();
});

test('a unique violation can be asked for by its constraint', () => {
  const error = { code: '23505', constraint: 'project_slug' };
  expect(isUniqueViolation(error)).toBe(true);
  expect(isUniqueViolation(error, 'project_slug')).toBe(true);
  expect(isUniqueViolation(error, 'other')).toBe(false);
  expect(isUniqueViolation({ code: '23503' })).toBe(false);
});

test('serialization failures and deadlocks may be tried again', () => {
  expect(isSerializationFailure({ code: '40001' })).toBe(true);
  expect(isSerializationFailure({ code: '40P01' })).toBe(true);
  expect(isSerializationFailure({ code: '40002' })).toBe(false);
});
