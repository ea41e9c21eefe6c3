import {
  isNotModified,
  returnPreference,
  searchHandling,
  wantsExtendedMeta,
  wantsLaterAnswer,
} from './request-headers.js';

const version = { versionId: '7', lastUpdated: '2026-11-21T04:10:12.345Z' };

describe('request headers', () => {
  test.each([
    [undefined, 'representation'],
    ['return=minimal', 'minimal'],
    ['respond-async; return=OperationOutcome', 'OperationOutcome'],
    ['return="minimal"', 'minimal'],
    ['return=everything', 'representation'],
    ['xreturn=minimal', 'representation'],
    ['foo="x, return=minimal"', 'representation'],
    ['foo="x, y", Return = minimal', 'minimal'],
  ])('Prefer: %s returns %s', (prefer, expected) => {
    expect(returnPreference({ prefer })).toBe(expected);
  });

  test.each([
    [undefined, false],
    ['return=minimal', false],
    ['respond-async', true],
    ['return=minimal; Respond-Async', true],
    ['wait=10, respond-async', true],
    ['respond-asynchronously', false],
    ['handling=respond-async', false],
    ['respond-async=""', true],
    ['respond-async=no', false],
    ['foo="a, respond-async, b"', false],
    ['foo="a, b", respond-async', true],
  ])('Prefer: %s wants an answer later: %s', (prefer, expected) => {
    expect(wantsLaterAnswer(prefer === undefined ? {} : { prefer })).toBe(expected);
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
    expect(isNotModified({ 'if-none-match': header }, version)).toBe(expected);
  });

  test.each([
    ['Sat, 21 Nov 2026 04:10:12 GMT', true],
    ['Sat, 21 Nov 2026 04:10:11 GMT', false],
    ['yesterday', false],
  ])('If-Modified-Since: %s finds nothing newer: %s', (header, expected) => {
    expect(isNotModified({ 'if-modified-since': header }, version)).toBe(expected);
  });

  test('If-None-Match goes before If-Modified-Since', () => {
    const headers = { 'if-none-match': 'W/"6"', 'if-modified-since': 'Sat, 21 Nov 2026 04:10:12 GMT' };
    expect(isNotModified(headers, version)).toBe(false);
  });

  test('extended meta is for those who ask', () => {
    expect([wantsExtendedMeta({}), wantsExtendedMeta({ 'x-medplum': 'extended' })]).toEqual([false, true]);
  });
});
