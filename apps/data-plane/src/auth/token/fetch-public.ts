/**
 * Fetching from addresses that tenants name. Such a fetch is made by a server that stands inside the platform's network, so
 * what it may reach is decided on the address to which the connection really goes, after the name was resolved
 * (https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html).
 */
import { lookup, type LookupAddress } from 'node:dns';
import { get as getPlain, type RequestOptions } from 'node:http';
import { get as getEncrypted } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Gives the text at an address. Rejects when it cannot be had, whatever the reason. */
export type FetchText = (url: string) => Promise<string>;

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 64 * 1024;

/** Addresses that are not of the public internet (https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-). */
const notPublic = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv4');
}
/** Of the IPv6 addresses only these are given out to the public, and of them the tunnels into IPv4 are not followed. */
const publicIpv6 = new BlockList();
publicIpv6.addSubnet('2000::', 3, 'ipv6');
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv6');
}

/** Whether an IP address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !notPublic.check(address, 'ipv4');
  return family === 6 && publicIpv6.check(address, 'ipv6') && !notPublic.check(address, 'ipv6');
}

/**
 * Fetches from the public internet by HTTPS. `allowPrivate` also lets plain HTTP and every address through, for platforms
 * on a developer's own machine.
 */
export function publicFetch({ allowPrivate }: { readonly allowPrivate: boolean }): FetchText {
  return (text) =>
    new Promise((resolve, reject) => {
      const url = new URL(text);
      const isEncrypted = url.protocol === 'https:';
      const hostName = url.hostname.replace(/^\[(.*)\]$/, '$1');
      if (!isEncrypted && !(allowPrivate && url.protocol === 'http:')) throw new Error('Only https is fetched.');
      // A connection to an IP address does not look anything up, so it is judged here.
      if (!allowPrivate && isIP(hostName) !== 0 && !isPublicAddress(hostName)) throw notReachable();
      const options: RequestOptions = {
        headers: { accept: 'application/json', 'user-agent': 'boxyard' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        agent: false,
        ...(allowPrivate ? {} : { lookup: lookUpPublic }),
      };
      const request = (isEncrypted ? getEncrypted : getPlain)(url, options, (response) => {
        if (response.statusCode !== 200) {
          request.destroy(new Error(`The address answers ${response.statusCode ?? 'nothing'}.`));
          return;
        }
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_BYTES) request.destroy(new Error(`The answer is longer than ${MAX_BYTES} bytes.`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      });
      request.on('error', reject);
    });
}

/** Resolves a name, and fails when any of its addresses is not a public one. */
const lookUpPublic: LookupFunction = (hostName, options, callback) => {
  lookup(hostName, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const [first] = addresses ?? [];
    if (error !== null) callback(error, []);
    else if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      callback(notReachable(), []);
    } else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

const notReachable = (): Error => new Error('The address is not one of the public internet.');
