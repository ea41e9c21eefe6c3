import { randomBytes } from 'node:crypto';
import { StorageLinks } from './storage-links.js';

const fileKey = randomBytes(32);
const links = new StorageLinks('p1', fileKey);
const content = { id: 'b1', versionId: '12', agent: 'Practitioner/1' };
const now = new Date('2026-11-21T10:07:00Z');
const minutesLater = (minutes: number) => new Date(now.getTime() + minutes * 60_000);
const signatureOf = (address: string) => address.split('?signature=')[1] ?? '';
const signature = signatureOf(links.addressOf(content, now));

test('an address tells its own project what it is for', () => {
  expect(links.addressOf(content, now)).toMatch(/^storage\/Binary\/b1\?signature=[A-Za-z0-9._-]+$/);
  expect(links.read('b1', signature, now)).toEqual({ ...content, isExpired: false });
});

test('an address is the same for a while, and expires within an hour', () => {
  expect(links.addressOf(content, minutesLater(7))).toBe(links.addressOf(content, now));
  expect(links.read('b1', signature, minutesLater(44))?.isExpired).toBe(false);
  expect(links.read('b1', signature, minutesLater(60))?.isExpired).toBe(true);
});

test.each([
  ['another Binary', () => links.read('b2', signature, now)],
  ['another project', () => new StorageLinks('p2', fileKey).read('b1', signature, now)],
  ['another key', () => new StorageLinks('p1', randomBytes(32)).read('b1', signature, now)],
  ['another version', () => links.read('b1', signature.replace(/^12\./, '13.'), now)],
  ['a later expiry', () => links.read('b1', signature.replace(/^12\.\d/, '12.9'), now)],
  [
    'another agent',
    () => links.read('b1', signature.replace(Buffer.from(content.agent).toString('base64url'), 'QQ'), now),
  ],
  ['no signature', () => links.read('b1', '', now)],
  ['a cut one', () => links.read('b1', signature.slice(0, -1), now)],
])('an address is good for nothing with %s', (_what, read) => {
  expect(read()).toBeUndefined();
});
