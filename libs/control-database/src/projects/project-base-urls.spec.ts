import { projectBaseUrls } from './project-base-urls.js';

const config = { host: '127.0.0.1', dataPort: 4100, baseDomain: 'localhost', pathRouting: true };

test('the canonical base URL stands first, the path form second', () => {
  expect(projectBaseUrls(config, 'quay')).toEqual(['http://quay.localhost:4100/', 'http://127.0.0.1:4100/p/quay/']);
});

test('without path routing there is the canonical one only', () => {
  expect(projectBaseUrls({ ...config, pathRouting: false }, 'quay')).toEqual(['http://quay.localhost:4100/']);
});

test('a public URL gives scheme, port and path prefix', () => {
  const behindProxy = { ...config, baseDomain: 'fhir.example.org', publicDataUrl: 'https://data.example.org/box' };
  expect(projectBaseUrls(behindProxy, 'quay')).toEqual([
    'https://quay.fhir.example.org/',
    'https://data.example.org/box/p/quay/',
  ]);
  expect(projectBaseUrls({ ...config, publicDataUrl: 'https://data.example.org:8443' }, 'quay')[0]).toBe(
    'https://quay.localhost:8443/',
  );
});

test('a listener on every address is reached on the loopback address', () => {
  expect(projectBaseUrls({ ...config, host: '0.0.0.0' }, 'quay')[1]).toBe('http://127.0.0.1:4100/p/quay/');
});
