import { assertHasParts, MetaCollection, metaParts, withAdded, withRemoved } from './meta.js';

const a = { system: 's', code: 'a', display: 'A' };
const b = { system: 's', code: 'b' };

test('what is there already is not added again, and keeps its form', () => {
  const meta = { tag: [a], lastUpdated: 'x' };
  expect(withAdded(meta, { tag: [{ system: 's', code: 'a' }, b], profile: ['p'] })).toEqual({
    tag: [a, b],
    profile: ['p'],
    lastUpdated: 'x',
  });
  expect(meta.tag).toEqual([a]);
});

test('what is removed is known by system and code; an empty list does not stay', () => {
  expect(withRemoved({ tag: [a, b], security: [a] }, { tag: [{ system: 's', code: 'a' }], security: [a] })).toEqual({
    tag: [b],
  });
  expect(withRemoved({ tag: [a] }, { tag: [{ code: 'a' }], profile: ['p'] })).toEqual({ tag: [a] });
});

test('a collection holds each thing once, and nothing else of meta', () => {
  const collection = new MetaCollection();
  collection.add({ tag: [a], profile: ['p'], versionId: '1' });
  collection.add({ tag: [b, a], profile: ['p', 'q'] });
  expect(collection.meta()).toEqual({ profile: ['p', 'q'], tag: [a, b] });
  expect(metaParts({ versionId: '1', security: [b] })).toEqual({ security: [b] });
});

test('there must be something to add or to remove', () => {
  expect(() => assertHasParts({ tag: [] })).toThrow("parameter 'meta'");
  expect(() => assertHasParts(undefined)).toThrow("parameter 'meta'");
  expect(() => assertHasParts({ tag: [a] })).not.toThrow();
});
