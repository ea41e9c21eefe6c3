import { includesRole, lesserRole, roleProblem } from './caller.js';

test('roles include the ones below them', () => {
  expect(includesRole('platform-admin', 'operator')).toBe(true);
  expect(includesRole('operator', 'operator')).toBe(true);
  expect(includesRole('auditor', 'operator')).toBe(false);
  expect(lesserRole('platform-admin', 'auditor')).toBe('auditor');
  expect(lesserRole('operator', 'platform-admin')).toBe('operator');
});

test('an auditor may only read', () => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
  const allowed = methods.filter((method) => roleProblem('auditor', 'auditor', method) === undefined);
  expect(allowed).toEqual(['GET', 'HEAD']);
  expect(roleProblem('operator', 'auditor', 'DELETE')).toBeUndefined();
});

test('a route that needs a role is closed to lesser ones, whatever the method', () => {
  expect(roleProblem('operator', 'platform-admin', 'GET')).toMatch(/platform-admin/);
  expect(roleProblem('platform-admin', 'platform-admin', 'POST')).toBeUndefined();
});
