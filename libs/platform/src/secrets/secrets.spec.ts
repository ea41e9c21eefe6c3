import { randomBytes } from 'node:crypto';
import { DomainError } from '../errors.js';
import { masterKeyProvider } from './key-provider.js';
import { hashPassword, verifyPassword } from './password.js';
import { deriveKey, generateSecret, open, seal, sha256 } from './seal.js';

const key = randomBytes(32);

describe('a sealed value', () => {
  test('opens with its key and context', () => {
    expect(open(key, seal(key, 'Grüße', 'greeting:1'), 'greeting:1').toString()).toBe('Grüße');
    expect(open(key, seal(key, Buffer.of(0, 255), 'bytes'), 'bytes')).toEqual(Buffer.of(0, 255));
    expect(open(key, seal(key, '', 'empty'), 'empty')).toHaveLength(0);
  });

  test('differs each time and does not show the plain text', () => {
    const sealed = seal(key, 'a well-known text', 'x');
    expect(sealed.includes('well-known')).toBe(false);
    expect(seal(key, 'a well-known text', 'x')).not.toEqual(sealed);
  });

  test('does not open in another row, with another key, or changed in any byte', () => {
    const sealed = seal(key, 'secret', 'row:1');
    expect(() => open(key, sealed, 'row:2')).toThrow(DomainError);
    expect(() => open(randomBytes(32), sealed, 'row:1')).toThrow(DomainError);
    for (let position = 0; position < sealed.length; position++) {
      const changed = Buffer.from(sealed);
      changed[position] = (changed[position] ?? 0) ^ 1;
      expect(() => open(key, changed, 'row:1')).toThrow(expect.objectContaining({ code: 'seal-broken' }));
    }
    expect(() => open(key, sealed.subarray(0, 20), 'row:1')).toThrow(DomainError);
  });
});

test('a derived key depends on the key and the purpose, and is not the key', () => {
  expect(deriveKey(key, 'a')).toHaveLength(32);
  expect(deriveKey(key, 'a')).toEqual(deriveKey(key, 'a'));
  expect(deriveKey(key, 'a')).not.toEqual(deriveKey(key, 'b'));
  expect(deriveKey(key, 'a')).not.toEqual(deriveKey(randomBytes(32), 'a'));
});

test('a generated secret is 256 bits in URL-safe characters', () => {
  expect(generateSecret()).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(generateSecret()).not.toBe(generateSecret());
});

test('SHA-256 is the standard’s', () => {
  expect(sha256('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

describe('the master key provider', () => {
  test('unwraps what it has wrapped, and nothing that another master key has', async () => {
    const provider = masterKeyProvider(randomBytes(32));
    const wrapped = await provider.wrap(key);
    expect(await provider.unwrap(wrapped)).toEqual(key);
    await expect(masterKeyProvider(randomBytes(32)).unwrap(wrapped)).rejects.toThrow(DomainError);
  });
});

describe('a password', () => {
  test('is verified against its hash, in whichever Unicode form it is typed', async () => {
    const hash = await hashPassword('pässword', 'test');
    expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword('pässword', hash, 'test')).toBe(true);
    expect(await verifyPassword('pa\u0308ssword', hash, 'test')).toBe(true);
    expect(await verifyPassword('passwort', hash, 'test')).toBe(false);
  });

  test('is not held up by a flood of those of another project', async () => {
    const done: string[] = [];
    const verify = (line: string) => verifyPassword('any', undefined, line).then(() => done.push(line));
    await Promise.all([...Array.from({ length: 8 }, () => verify('flooded')), verify('quiet')]);
    expect(done.indexOf('quiet')).toBeLessThan(6);
  });

  test('has a fresh salt each time', async () => {
    expect(await hashPassword('same', 'test')).not.toBe(await hashPassword('same', 'test'));
  });

  test('of an unknown user or with an unreadable hash is wrong, and takes as long to find out', async () => {
    const hash = await hashPassword('right', 'test');
    const time = async (stored: string | undefined) => {
      const start = performance.now();
      expect(await verifyPassword('wrong', stored, 'test')).toBe(false);
      return performance.now() - start;
    };
    // A busy machine makes some of them longer, and none shorter.
    const known = Math.min(await time(hash), await time(hash), await time(hash));
    expect(await time(undefined)).toBeGreaterThan(known / 4);
    expect(await time('$argon2id$other')).toBeGreaterThan(known / 4);
  });
});
