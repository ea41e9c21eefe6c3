import { fhirVersion } from '#fhir';
import { decodeCursor, encodeCursor } from './cursor.js';
import { parseSearch } from './parse-search.js';

const version = fhirVersion('R4');
const key = Buffer.alloc(32, 1);
const position = { id: '42', values: ['müller', null] };
const request = (query: string, type = 'Patient') => parseSearch(version, type, query, { handling: 'strict' });
const sorted = 'gender=male&active=true&_sort=family,birthdate';
const cursor = encodeCursor(key, request(sorted), position);
// The nonce is random: one cursor in 64 begins with any given letter.
const changed = `${cursor.startsWith('B') ? 'C' : 'B'}${cursor.slice(1)}`;

describe('a cursor', () => {
  it('leads back to the position that it was made from', () => {
    expect(decodeCursor(key, request(`${sorted}&_cursor=${cursor}`))).toEqual(position);
  });

  it.each([
    `active=true&gender=male&_sort=family,birthdate`,
    `${sorted}&_count=7`,
    `${sorted}&_total=accurate`,
    `${sorted}&_format=json`,
  ])('serves the same search in another form: %s', (query) => {
    expect(decodeCursor(key, request(`${query}&_cursor=${cursor}`))).toEqual(position);
  });

  it.each([
    'gender=female&active=true&_sort=family,birthdate',
    'gender=male&_sort=family,birthdate',
    'gender=male&active=true&_sort=birthdate,family',
    'gender=male&active=true&_sort=-family,birthdate',
    'gender=male&active=true',
  ])('is refused for another search: %s', (query) => {
    expect(() => decodeCursor(key, request(`${query}&_cursor=${cursor}`))).toThrow('was not made for this search');
  });

  it('is refused for another type, and in another project', () => {
    const made = encodeCursor(key, request('_sort=_id'), position);
    expect(() => decodeCursor(key, request(`_sort=_id&_cursor=${made}`, 'Group'))).toThrow('was not made');
    expect(() => decodeCursor(Buffer.alloc(32, 2), request(`_sort=_id&_cursor=${made}`))).toThrow('was not made');
  });

  it.each(['x', 'AAAA', 'null', cursor.slice(0, -2), `${cursor}AAAA`, changed])('cannot be made up: %s', (text) => {
    expect(() => decodeCursor(key, request(`${sorted}&_cursor=${text}`))).toThrow('was not made for this search');
  });

  it('does not show the values that it holds', () => {
    expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.toContain('ller');
    expect(encodeCursor(key, request(sorted), position)).not.toBe(cursor);
  });

  it('is not there when the request has none', () => {
    expect(decodeCursor(key, request(sorted))).toBeUndefined();
  });
});
