/** From which addresses a member may come (`AccessPolicy.ipAccessRule`). */
import { BlockList, isIP } from 'node:net';
import type { JsonObject } from '#fhir';

/**
 * Whether a caller from `address` may come in: the first rule that names the address decides, and without one everybody
 * may. A rule's `value` is `*`, an address, a network (`10.1.0.0/16`), or the first groups of an address (`10.1.`,
 * `2001:db8:`). What is no address is refused as soon as there are rules.
 */
export function ipAccess(rules: readonly JsonObject[], address: string): boolean {
  if (rules.length === 0) return true;
  const caller = readAddress(address);
  if (caller === undefined) return false;
  const first = rules.find(({ value }) => typeof value === 'string' && names(value.trim(), caller));
  return first === undefined || first['action'] === 'allow';
}

type Family = 'ipv4' | 'ipv6';

interface Address {
  readonly text: string;
  readonly family: Family;
}

/** Whether the `value` of a rule names any address at all. A rule that names none decides nothing, whatever it is meant for. */
export const namesAddresses = (value: string): boolean => rangeOf(value.trim()) !== undefined;

/** Which addresses a value names. */
type Range = 'all' | { readonly network: Address; readonly length: number } | { readonly beginning: string };

function names(value: string, caller: Address): boolean {
  const range = rangeOf(value);
  if (range === undefined || range === 'all') return range === 'all';
  return 'beginning' in range ? beginsWith(caller, range.beginning) : isWithin(caller, range.network, range.length);
}

function rangeOf(value: string): Range | undefined {
  if (value === '*') return 'all';
  const [start = '', bits, ...rest] = value.split('/');
  const network = readAddress(start);
  if (bits === undefined) {
    if (network !== undefined) return { network, length: fullLength(network) };
    return isBeginning(value) ? { beginning: value } : undefined;
  }
  // An IPv4 network written as an IPv6 one counts 96 bits more.
  const length = /^\d{1,3}$/.test(bits) ? Number(bits) - (isMapped(start) ? 96 : 0) : -1;
  const isNetwork = network !== undefined && rest.length === 0 && length >= 0 && length <= fullLength(network);
  return isNetwork ? { network, length } : undefined;
}

const ipv4Beginning = /^(?:\d{1,3}\.){0,2}\d{1,3}\.?$/;
const ipv6Beginning = /^(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4}:?$/i;

/** Whether an address can begin like this: at least one group, and not all of them. */
function isBeginning(value: string): boolean {
  const groups = value.split('.').filter((group) => group !== '');
  // No address has a group such as 010 or 300.
  return (ipv4Beginning.test(value) && groups.every(isByte)) || ipv6Beginning.test(value);
}

const isByte = (group: string): boolean => String(Number(group)) === group && Number(group) < 256;

const fullLength = ({ family }: Address): number => (family === 'ipv4' ? 32 : 128);

function isWithin(caller: Address, network: Address, length: number): boolean {
  const list = new BlockList();
  list.addSubnet(network.text, length, network.family);
  return caller.family === network.family && list.check(caller.text, caller.family);
}

/** Whole groups only: `10.1` is not the beginning of `10.10.0.1`. */
function beginsWith(caller: Address, value: string): boolean {
  const separator = caller.family === 'ipv4' ? '.' : ':';
  const groups = (caller.family === 'ipv4' ? caller.text : fullForm(caller.text)).split(separator);
  const wanted = value.toLowerCase().split(separator);
  if (wanted.at(-1) === '') wanted.pop();
  if (wanted.length === 0 || wanted.length >= groups.length) return false;
  return wanted.every(
    (group, position) => group === groups[position] || (separator === ':' && sameGroup(group, groups[position])),
  );
}

const sameGroup = (left: string, right: string | undefined): boolean =>
  /^[0-9a-f]{1,4}$/.test(left) && right !== undefined && Number.parseInt(left, 16) === Number.parseInt(right, 16);

/** All eight groups of an IPv6 address. */
function fullForm(text: string): string {
  const [head = '', tail] = text.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].join(':');
}

const isMapped = (text: string): boolean => /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(text.trim());

/** An IPv4 address in the form of an IPv6 one (RFC 4291 section 2.5.5.2) is an IPv4 address. */
function readAddress(text: string): Address | undefined {
  const plain = text.trim().replace(/%.*$/, '').toLowerCase();
  const mapped = isMapped(plain) ? plain.slice('::ffff:'.length) : plain;
  const family = isIP(mapped);
  if (family === 4) return { text: mapped, family: 'ipv4' };
  // URL writes every IPv6 address in its one canonical form.
  if (family === 6) return { text: new URL(`http://[${mapped}]/`).hostname.slice(1, -1), family: 'ipv6' };
  return undefined;
}
