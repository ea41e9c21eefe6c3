import { loginEvent, restInteraction } from './audit-interaction.js';

test.each([
  ['R', 'Patient/1', 'read'],
  ['R', 'Patient/1/_history/3', 'vread'],
  ['R', 'Patient/1/_history', 'history-instance'],
  ['R', 'Patient/_history', 'history-type'],
  ['R', '_history', 'history-system'],
  ['R', 'Patient', 'search-type'],
  ['R', 'Patient?name=x/y', 'search-type'],
  ['R', 'Patient/1/Observation', 'search-type'],
  ['R', 'Patient/1/Observation?code=x', 'search-type'],
  ['R', '', 'search-system'],
  ['R', '?_type=Patient', 'search-system'],
  ['R', 'Patient/1/$everything', 'operation'],
  ['C', 'Patient/1/_history/1', 'create'],
  ['U', 'Patient/1/_history/2', 'update'],
  ['D', 'Patient/1/_history/3', 'delete'],
  ['E', 'Bundle', 'transaction'],
  ['E', 'admin/projects/1/invite', 'operation'],
])('%s of %j is %s', (action, entity, expected) => {
  expect(restInteraction(action, entity)).toBe(expected);
});

test('log-ins and log-outs are told from other executions', () => {
  expect(loginEvent('E', 'oauth2/token')?.display).toBe('Login');
  expect(loginEvent('E', 'auth/login')?.display).toBe('Login');
  expect(loginEvent('E', 'oauth2/logout')?.display).toBe('Logout');
  expect(loginEvent('R', 'auth/me')).toBeUndefined();
  expect(loginEvent('E', 'admin/projects/1/invite')).toBeUndefined();
});
