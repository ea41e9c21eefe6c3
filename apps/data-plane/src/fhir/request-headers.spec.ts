import { describe, expect, test } from '@jest/globals';
import { isNotModified, returnPreference, searchHandling, wantsExtendedMeta } from './request-headers.js';

describe('request headers', () => {
  test.each([
    [undefined, 'representation'],
    ['return=minimal', 'minimal'],
    ['respond-async; return=OperationOutcome', 'OperationOutcome'],
    ['return="minimal"', 'minimal'],
    ['return=everything', 'representation'],
    ['xreturn=minimal', 'representation'],
  ])('Prefer: %s returns %s', (prefer, expected) => {
    expect(returnPreference({ prefer })).toBe(expected);
  });

  test('searches are strict unless the client prefers otherwise', () => {
    expect(searchHandling({})).toBe('strict');
    expect(searchHandling({ prefer: 'return=minimal, handling=lenient' })).toBe('lenient');
    expect(searchHandling({ prefer: 'handling=sloppy' })).toBe('strict');
  });

  test.each([
    [undefined, false],
    ['W/"7"', true],
    ['"7"', true],
    ['W/"6", W/"7"', true],
    ['*', true],
    ['W/"77"', false],
    ['7', false],
  ])('If-None-Match: %s fits version 7: %s', (header, expected) => {
    expect(isNotModified({ 'if-none-match': header }, '7')).toBe(expected);
  });

  test('extended meta is for those who ask', () => {
    expect([wantsExtendedMeta({}), wantsExtendedMeta({ 'x-medplum': 'extended' })]).toEqual([false, true]);
  });
});
