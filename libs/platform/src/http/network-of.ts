import { isIPv6 } from 'node:net';

const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const GROUPS = 8;

/**
 * Whom failures from an address are counted for: the IPv4 address itself, and of IPv6 the network of 64 bits, because
 * whoever has one address of it has them all (RFC 4291 section 2.5.4, https://www.rfc-editor.org/rfc/rfc4291). What is no
 * address stays as it is.
 */
export function networkOf(address: string): string {
  const mapped = MAPPED_IPV4.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [withoutZone = ''] = address.split('%');
  // URLs have one way to write an address (https://url.spec.whatwg.org/#concept-ipv6-serializer).
  const [head = '', tail = ''] = new URL(`http://[${withoutZone}]/`).hostname.slice(1, -1).split('::');
  const [left, right] = [head, tail].map((part) => part.split(':').filter((group) => group !== '')) as [
    string[],
    string[],
  ];
  const zeros = Array<string>(GROUPS - left.length - right.length).fill('0');
  return `${[...left, ...zeros, ...right].slice(0, GROUPS / 2).join(':')}::/64`;
}
