import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isPublicAddress, publicFetch } from './fetch-public.js';

test.each(['8.8.8.8', '172.15.0.1', '172.32.0.1', '2606:4700::1111'])('%s is a public address', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fd00::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001:db8::1',
  'localhost',
  '',
])('%s is not', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

describe('a fetch from an address that a tenant named', () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.close();
  });

  const serve = async (listener: RequestListener): Promise<string> => {
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  };

  test('gives the text', async () => {
    const url = await serve((_request, response) => response.end('{"keys":[]}'));
    expect(await publicFetch({ allowPrivate: true })(url)).toBe('{"keys":[]}');
  });

  test('does not reach into the own network, by address or by name, and not without encryption', async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      asked++;
      response.end('secret');
    });
    const fetch = publicFetch({ allowPrivate: false });
    await expect(fetch(url)).rejects.toThrow('Only https');
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1']) {
      await expect(fetch(url.replace('http:', 'https:').replace('127.0.0.1', host))).rejects.toThrow(
        'not one of the public internet',
      );
    }
    expect(asked).toBe(0);
  });

  test('follows no redirection', async () => {
    const url = await serve((_request, response) => response.writeHead(302, { location: '/elsewhere' }).end());
    await expect(publicFetch({ allowPrivate: true })(url)).rejects.toThrow('answers 302');
  });

  test('ends when the answer is too long', async () => {
    const url = await serve((_request, response) => response.end('x'.repeat(100_000)));
    await expect(publicFetch({ allowPrivate: true })(url)).rejects.toThrow('longer than');
  });

  test.each(['file:///etc/passwd', 'not an address', 'ftp://example.org/'])('refuses %s', async (url) => {
    await expect(publicFetch({ allowPrivate: true })(url)).rejects.toThrow();
  });
});
