import { describe, expect, test } from '@jest/globals';
import { decideUpdate } from './decide-update.js';
import { bodyOf, type Draft } from './draft.js';

const draft: Draft = {
  type: 'Patient',
  id: '1',
  head: '{"resourceType":"Patient","id":"1","meta":{"versionId":"',
  tail: '},"active":true}',
  extendedMeta: '"project":"p"',
  index: { tokens: [], references: [], strings: [], dates: [], numbers: [], words: '', sortTexts: '{}' },
  self: '',
  credentials: {},
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
    ['to an unknown id by one who may create', undefined, undefined, true, 'insert'],
    ['to an unknown id by another', undefined, undefined, false, 'not-found'],
    ['to an unknown id with If-Match', undefined, 'W/"7"', true, 'precondition-failed'],
    ['to an unknown id with If-Match by one who may not create', undefined, 'W/"7"', false, 'not-found'],
    ['to a deleted id by one who may create', deleted, undefined, true, 'replace'],
    ['to a deleted id by another', deleted, undefined, false, 'gone'],
    ['to a deleted id with If-Match of any version', deleted, '*', true, 'precondition-failed'],
    ['of the same content', same, undefined, false, 'unchanged'],
    ['of the same content with the current version', same, 'W/"7"', false, 'unchanged'],
    ['of the same content with another version', same, 'W/"8"', false, 'precondition-failed'],
    ['of other content', other, undefined, false, 'replace'],
    ['of other content with the current version', other, '"7"', false, 'replace'],
    ['of other content with one of several versions', other, 'W/"6", W/"7"', false, 'replace'],
    ['of other content with any version', other, '*', false, 'replace'],
    ['of other content with no readable tag', other, 'nonsense', false, 'precondition-failed'],
  ] as const)('%s', (_, current, ifMatch, mayCreate, outcome) => {
    const decide = () => decideUpdate({ current, draft, ifMatch, mayCreate });
    if (outcome === 'insert' || outcome === 'replace' || outcome === 'unchanged') expect(decide()).toBe(outcome);
    else expect(decide).toThrow(expect.objectContaining({ category: outcome }));
  });
});
