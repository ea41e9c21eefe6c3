import { expect, test } from '@jest/globals';
import { includesRole, lesserRole, mayUseMethod } from './caller.js';

test('roles include the ones below them', () => {
  expect(includesRole('platform-admin', 'operator')).toBe(true);
  expect(includesRole('operator', 'operator')).toBe(true);
  expect(includesRole('auditor', 'operator')).toBe(false);
  expect(lesserRole('platform-admin', 'auditor')).toBe('auditor');
  expect(lesserRole('operator', 'platform-admin')).toBe('operator');
});

test('an auditor may only read', () => {
  expect(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => mayUseMethod('auditor', method))).toEqual(
    ['GET', 'HEAD'],
  );
  expect(mayUseMethod('operator', 'DELETE')).toBe(true);
});
