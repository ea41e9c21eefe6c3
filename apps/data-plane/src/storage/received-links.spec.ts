import { randomBytes } from 'node:crypto';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { storedAddresses } from './received-links.js';
import { StorageLinks } from './storage-links.js';

const storageLinks = new StorageLinks('p1', randomBytes(32));
const ownBaseUrls = ['http://a.example/fhir/R4/', 'http://a.example/fhir/'];
const runtime = { storageLinks, database: { ownBaseUrls } as unknown as TenantRuntime['database'] };
const path = storageLinks.addressOf({ id: 'b-1.x', versionId: '3', agent: 'Patient/1' }, new Date());
const stored = (json: string) => storedAddresses(runtime, json);

test.each(['http://a.example/', 'https://proxy.example/p/a/', 'http://127.0.0.1:8080/p/old-name/'])(
  'an address that the project signed is stored as the Binary, to whatever base URL: %s',
  (base) => {
    expect(stored(`{"photo":[{"url":"${base}${path}"}]}`)).toBe('{"photo":[{"url":"Binary/b-1.x"}]}');
    expect(stored(`[{"op":"add","path":"/photo/0/url","value":"${base}${path}"}]`)).toContain('"value":"Binary/b-1.x"');
  },
);

test('escaped slashes, and a string inside a GraphQL document, are read too', () => {
  const address = `http://a.example/${path}`;
  expect(stored(`{"url":"${address.replaceAll('/', '\\/')}"}`)).toBe('{"url":"Binary/b-1.x"}');
  expect(stored(JSON.stringify({ query: `mutation{f(url:"${address}")}` }))).toBe(
    JSON.stringify({ query: 'mutation{f(url:"Binary/b-1.x")}' }),
  );
});

test('the address of a Binary in the FHIR API of the project is stored as the Binary where it is a url', () => {
  expect(stored('{"url": "http://a.example/fhir/R4/Binary/1"}')).toBe('{"url": "Binary/1"}');
  expect(stored(String.raw`{"url":"http:\/\/a.example\/fhir\/Binary\/1"}`)).toBe('{"url":"Binary/1"}');
});

test.each([
  ['signed by nobody', `{"url":"http://a.example/storage/Binary/1?signature=1.2.QQ.${'A'.repeat(43)}"}`],
  ['signed for another Binary', `{"url":"http://a.example/${path.replace('b-1.x', 'b-2')}"}`],
  ['with something behind it', `{"url":"http://a.example/${path}&x=1"}`],
  ['inside a longer text', `{"text":"see http://a.example/${path} there"}`],
  ['of another server', '{"url":"http://b.example/fhir/R4/Binary/1"}'],
  ['of a version', '{"url":"http://a.example/fhir/R4/Binary/1/_history/2"}'],
  ['in a reference', '{"reference":"http://a.example/fhir/R4/Binary/1"}'],
])('an address stays as it is when it is %s', (_what, json) => {
  expect(stored(json)).toBe(json);
});
