import { registeredClient } from './registered-client.js';

const stored = { resourceType: 'ClientApplication', id: 'c' };

test.each([
  [undefined, 3600],
  ['10m', 600],
  ['2h', 7200],
  ['0s', 3600],
  ['999999999y', 86_400],
  ['forever', 3600],
])('an access token lifetime of %j is %d seconds', (accessTokenLifetime, seconds) => {
  const client = { ...stored, ...(accessTokenLifetime === undefined ? {} : { accessTokenLifetime }) };
  expect(registeredClient(client)?.accessTokenSeconds).toBe(seconds);
});

test('a refresh token lives two weeks unless its client says otherwise', () => {
  expect(registeredClient({ ...stored })?.refreshTokenSeconds).toBe(14 * 86_400);
  expect(registeredClient({ ...stored, refreshTokenLifetime: '1w' })?.refreshTokenSeconds).toBe(7 * 86_400);
});

test('both forms of redirect addresses count', () => {
  const client = registeredClient({ ...stored, redirectUri: 'https://a', redirectUris: ['https://b', 'https://c'] });
  expect(client?.redirectUris).toEqual(['https://a', 'https://b', 'https://c']);
});

test.each(['off', 'error'])('a client whose status is %s is none', (status) => {
  expect(registeredClient({ ...stored, status })).toBeUndefined();
});
