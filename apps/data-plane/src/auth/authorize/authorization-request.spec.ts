import { type RegisteredClient, registeredClient } from '../registered-client.js';
import { formTargetOf, readAuthorizationRequest, redirectTo, trustedRedirect } from './authorization-request.js';
import { parametersOf } from '../form-body.js';

const client = registeredClient({
  resourceType: 'ClientApplication',
  id: 'c',
  redirectUris: ['https://app.example.org/cb', 'app.example:/cb', 'javascript:alert(1)'],
}) as RegisteredClient;
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const good = { response_type: 'code', code_challenge: challenge, code_challenge_method: 'S256' };
const read = (parameters: Record<string, string>, of = client) =>
  readAuthorizationRequest(new Map(Object.entries(parameters)), of, ['https://quay.example.org/fhir/R4/']);

describe('a redirect address', () => {
  test.each(['https://app.example.org/cb', 'app.example:/cb'])('%s is the registered one', (address) => {
    expect(trustedRedirect(new Map([['redirect_uri', address]]), client)).toBe(address);
  });

  test.each([
    'https://app.example.org/cb/',
    'https://app.example.org/cb?x=1',
    'https://app.example.org/cb#x',
    'https://app.example.org/CB',
    'http://app.example.org/cb',
    'https://app.example.org@evil.example/cb',
    'https://app.example.org.evil.example/cb',
    'https://app.example.org/cb/../evil',
    '//app.example.org/cb',
    'javascript:alert(1)',
    '',
  ])('%j is not', (address) => {
    expect(trustedRedirect(new Map([['redirect_uri', address]]), client)).toBeUndefined();
    expect(trustedRedirect(new Map(), client)).toBeUndefined();
  });
});

test('a good request has a scope, and a challenge for its code', () => {
  expect(read({ ...good, nonce: 'n', scope: 'openid patient/*.rs', aud: 'https://quay.example.org/fhir/R4' })).toEqual({
    kind: 'request',
    scope: 'openid patient/*.rs',
    nonce: 'n',
    codeChallenge: challenge,
    codeChallengeMethod: 'S256',
  });
});

test.each<[string, Record<string, string>, string]>([
  ['a token in the answer', { ...good, response_type: 'token' }, 'unsupported_response_type'],
  ['no response type', { ...good, response_type: '' }, 'unsupported_response_type'],
  ['no challenge', { response_type: 'code' }, 'invalid_request'],
  ['an unknown challenge method', { ...good, code_challenge_method: 'none' }, 'invalid_request'],
  ['another FHIR server', { ...good, aud: 'https://evil.example/fhir/R4' }, 'invalid_request'],
  ['a malformed scope', { ...good, scope: '"' }, 'invalid_scope'],
  ['no page to be shown', { ...good, prompt: 'none' }, 'login_required'],
  ['a request object', { ...good, request: 'x' }, 'request_not_supported'],
])('%s is told to the client', (_name, parameters, error) => {
  expect(read(parameters)).toMatchObject({ kind: 'problem', error });
});

test('a client that may do so needs no challenge', () => {
  expect(read({ response_type: 'code' }, { ...client, pkceOptional: true })).toMatchObject({ kind: 'request' });
});

test('a parameter may come once', () => {
  expect(parametersOf(new URLSearchParams('a=1&b=&a=2'))).toBe('repeated');
  expect(parametersOf(new URLSearchParams('a=1&b='))).toEqual(new Map([['a', '1']]));
});

test('the answer stands in the query of the address, whatever it holds', () => {
  expect(redirectTo('https://a.example/cb?x=1', { code: 'c&d' }, 'st=1', 'https://i/')).toBe(
    'https://a.example/cb?x=1&code=c%26d&state=st%3D1&iss=https%3A%2F%2Fi%2F',
  );
});

test('a page names the origin, or the scheme of an app, to which its form may lead', () => {
  expect([formTargetOf('https://a.example:8443/cb'), formTargetOf('app.example:/cb')]).toEqual([
    'https://a.example:8443',
    'app.example:',
  ]);
});
