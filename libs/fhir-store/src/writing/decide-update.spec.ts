import { decideUpdate, saysTheSame } from './decide-update.js';
import { bodyOf, unfiled, type Draft } from './draft.js';

const draft: Draft = {
  type: 'Patient',
  id: '1',
  head: '{"resourceType":"Patient","id":"1","meta":{"versionId":"',
  tail: '},"active":true}',
  extendedMeta: '"project":"p"',
  value: {},
  index: { tokens: [], references: [], strings: [], dates: [], numbers: [], words: '', sortTexts: '{}' },
  self: '',
  credentials: {},
  filing: unfiled,
};
const lastUpdated = '2026-11-21T04:10:12.345Z';
const same = {
  type: 'Patient',
  id: '1',
  versionId: '7',
  lastUpdated,
  deleted: false,
  body: bodyOf(draft, '7', lastUpdated),
  extendedMeta: '',
};
const other = { ...same, body: same.body.replace('true', 'false') };
const deleted = { ...same, deleted: true, body: '' };

describe('a PUT', () => {
  test.each([
    ['to an unknown id by one who may create', undefined, undefined, true, 'create'],
    ['to an unknown id by another', undefined, undefined, false, 'not-found'],
    ['to an unknown id with If-Match', undefined, 'W/"7"', true, 'precondition-failed'],
    ['to an unknown id with If-Match by one who may not create', undefined, 'W/"7"', false, 'not-found'],
    ['to a deleted id by one who may create', deleted, undefined, true, 'create'],
    ['to a deleted id by another', deleted, undefined, false, 'gone'],
    ['to a deleted id with If-Match of any version', deleted, '*', true, 'precondition-failed'],
    ['to a stored resource', same, undefined, false, 'update'],
    ['with the current version', same, 'W/"7"', false, 'update'],
    ['with the current version as a strong tag', same, '"7"', false, 'update'],
    ['with one of several versions', same, 'W/"6", W/"7"', false, 'update'],
    ['with any version', same, '*', false, 'update'],
    ['with another version', same, 'W/"8"', false, 'precondition-failed'],
    ['with no readable tag', same, 'nonsense', false, 'precondition-failed'],
  ] as const)('%s', (_, current, ifMatch, mayCreate, outcome) => {
    const decide = () => decideUpdate({ current, conditions: { ifMatch }, mayCreate });
    if (outcome === 'create' || outcome === 'update') expect(decide()).toBe(outcome);
    else expect(decide).toThrow(expect.objectContaining({ category: outcome }));
  });

  test.each([
    ['any version, of an unknown id', undefined, '*', true, 'create'],
    ['any version, of an unknown id by one who may not create', undefined, '*', false, 'not-found'],
    ['any version, of a deleted id', deleted, '*', true, 'create'],
    ['the version that says that it is deleted', deleted, 'W/"7"', true, 'create'],
    ['any version, of a stored resource', same, '*', true, 'precondition-failed'],
    ['the current version', same, 'W/"7"', true, 'precondition-failed'],
    ['the current version among others, as a strong tag', same, 'W/"6", "7"', true, 'precondition-failed'],
    ['another version', same, 'W/"6"', true, 'update'],
  ] as const)('with If-None-Match: %s', (_, current, ifNoneMatch, mayCreate, outcome) => {
    const decide = () => decideUpdate({ current, conditions: { ifNoneMatch }, mayCreate });
    if (outcome === 'create' || outcome === 'update') expect(decide()).toBe(outcome);
    else expect(decide).toThrow(expect.objectContaining({ category: outcome }));
  });
});

describe('a draft says the same as the current version', () => {
  const reordered: Draft = { ...draft, tail: '},"gender":"male","active":true}' };
  const ordered = { ...same, body: same.body.replace('"active":true', '"active":true,"gender":"male"') };

  test('when their texts are equal, and not when the version is a deletion', () => {
    expect(saysTheSame(draft, same)).toBe(true);
    expect(saysTheSame(draft, other)).toBe(false);
    expect(saysTheSame(draft, deleted)).toBe(false);
  });

  test('in another order of members only where the server has put its text together', () => {
    expect(saysTheSame(reordered, ordered)).toBe(false);
    expect(saysTheSame(reordered, ordered, true)).toBe(true);
    expect(saysTheSame(reordered, { ...ordered, body: ordered.body.replace('male', 'other') }, true)).toBe(false);
  });
});
