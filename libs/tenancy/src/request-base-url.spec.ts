import { canonicalBaseUrl, publicAddress, requestBaseUrl } from './request-base-url.js';

const byHost = { scheme: 'http', host: 'quay.fhir.test:4100', hostName: 'quay.fhir.test', prefix: '' };
const byPath = { scheme: 'http', host: '127.0.0.1:4100', hostName: '127.0.0.1', prefix: '/p/quay' };

test('without a public address, links stand on what the client wrote', () => {
  expect(requestBaseUrl(byHost, 'fhir.test', undefined)).toBe('http://quay.fhir.test:4100/');
  expect(requestBaseUrl(byPath, 'fhir.test', undefined)).toBe('http://127.0.0.1:4100/p/quay/');
});

test('with one, they stand on its scheme and port, and on its host unless the project has its own', () => {
  const fixed = publicAddress('https://data.example.org:8443');
  expect(requestBaseUrl(byHost, 'fhir.test', fixed)).toBe('https://quay.fhir.test:8443/');
  expect(requestBaseUrl(byPath, 'fhir.test', fixed)).toBe('https://data.example.org:8443/p/quay/');
  expect(requestBaseUrl(byPath, 'fhir.test', publicAddress('https://data.example.org/'))).toBe(
    'https://data.example.org/p/quay/',
  );
});

test('the canonical base URL does not depend on the request', () => {
  expect(canonicalBaseUrl('quay.fhir.test', publicAddress('http://127.0.0.1:4100'))).toBe(
    'http://quay.fhir.test:4100/',
  );
  expect(canonicalBaseUrl('quay.fhir.test', publicAddress('https://x.org'))).toBe('https://quay.fhir.test/');
});
