import { onlyReads } from './only-reads.js';

test.each([
  ['GET', '/fhir/Patient/1'],
  ['HEAD', '/fhir/Patient'],
  ['OPTIONS', '/fhir/Patient'],
  ['GET', '/fhir/$graphql?query=x'],
  ['GET', '/auth/me'],
  ['GET', '/fhir/bulkdata/export/0d6e'],
  ['GET', '/fhir/Patient/a%20b'],
  ['GET', '/oauth2/userinfo'],
  ['POST', '/fhir/Patient/_search?_count=1'],
  ['POST', '/fhir/_search'],
  ['POST', '/fhir/Patient/$validate'],
  ['POST', '/fhir/Patient/1/$everything'],
  ['POST', '/oauth2/introspect'],
])('%s %s only reads', (method, url) => {
  expect(onlyReads(method, url)).toBe(true);
});

test.each([
  ['POST', '/fhir'],
  ['POST', '/fhir/Patient'],
  ['POST', '/fhir/Patient?x=/_search'],
  ['POST', '/fhir/$graphql'],
  ['POST', '/fhir/Patient/1/$meta-add'],
  ['PUT', '/fhir/Patient/_search'],
  ['PATCH', '/fhir/Patient/1'],
  ['DELETE', '/fhir/Patient/1'],
  ['POST', '/oauth2/token'],
  ['POST', '/auth/login'],
  ['GET', '/oauth2/logout?x=1'],
  ['GET', '/auth/login/0d6e'],
  ['GET', '/fhir/$export?_type=Patient'],
  ['GET', '/fhir/Group/1/%24export'],
  ['POST', '/fhir/Patient/$export'],
  ['DELETE', '/fhir/bulkdata/export/0d6e'],
  ['GET', '/auth/%6Cogin/0d6e'],
  ['HEAD', '/auth/login/0d6e?x=1'],
])('%s %s may write', (method, url) => {
  expect(onlyReads(method, url)).toBe(false);
});
