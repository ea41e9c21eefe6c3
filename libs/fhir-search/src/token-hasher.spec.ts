import { tokenHasher } from './token-hasher.js';

describe('a token hasher', () => {
  const hasher = tokenHasher(Buffer.alloc(32, 1));

  it('gives the same 128 bits for the same text for ever, because they are stored', () => {
    expect(hasher.hash('1|value|code|x')).toBe('b87496c5024ecbc2c6cde1a7b17f7059');
  });

  it('gives other values for other texts and under other keys', () => {
    const values = ['', 'a', 'b', 'ab', 'ä', 'a\u0308'].map((text) => hasher.hash(text));
    expect(new Set(values).size).toBe(values.length);
    expect(tokenHasher(Buffer.alloc(32, 2)).hash('a')).not.toBe(hasher.hash('a'));
    for (const value of values) expect(value).toMatch(/^[0-9a-f]{32}$/);
  });

  it('gives the same value for a text that it keeps, however many it was asked to keep', () => {
    const texts = Array.from({ length: 1000 }, (_, index) => `text ${index % 400}`);
    for (const text of texts) expect(hasher.hashOften(text)).toBe(hasher.hash(text));
  });

  it('takes a key of 32 bytes and no other', () => {
    expect(() => tokenHasher(Buffer.alloc(16))).toThrow('32 bytes');
  });
});
