import { randomBytes } from 'node:crypto';
import { bodyHead, bodyTail, fhirVersion, readResource, supportedFhirVersions, type ResourceText } from '#fhir';
import { assertOwnPlace, binaryOf, findPlace, takeData, withContent, withPlace } from './binary-text.js';

const key = randomBytes(32);
const place = { file: 'file-1', size: 5, fileName: 'a.txt' };
/** The text as the store keeps it. */
const stored = (id: string, text: ResourceText) =>
  `${bodyHead('Binary', id)}1","lastUpdated":"2026-11-21T00:00:00.000Z"${bodyTail(text)}`;
const upload = (id: string) => binaryOf(key, { id, contentType: 'text/plain', securityContext: 'Patient/1', place });

describe('the text of a Binary', () => {
  test.each(supportedFhirVersions())('is valid in FHIR $label while its content is elsewhere', ({ id }) => {
    expect(fhirVersion(id).validate(upload('a').value)).toEqual([]);
  });

  test('tells where its content is to whoever has the key, and for this Binary only', () => {
    const body = stored('a', upload('a'));
    expect(findPlace(key, 'a', body)).toEqual(place);
    expect(findPlace(key, 'b', body)).toBeUndefined();
    expect(findPlace(randomBytes(32), 'a', body)).toBeUndefined();
    expect(body).not.toContain('file-1');
  });

  test('has the content in its place when it is shown', () => {
    const sent = '"contentType":"text/plain","data":"aGVsbG8=","language":"en"';
    const text = readResource(`{"resourceType":"Binary",${sent}}`);
    const body = stored('a', withPlace(key, 'a', text, place));
    expect(body).not.toContain('aGVsbG8=');
    expect(withContent(body, Buffer.from('hello'))).toBe(
      `{"resourceType":"Binary","id":"a","meta":{"versionId":"1","lastUpdated":"2026-11-21T00:00:00.000Z"},${sent}}`,
    );
  });

  test('may be sent back by whoever found it, but not under another id, and not made up', () => {
    const own = upload('a');
    expect(() => assertOwnPlace(key, 'a', own)).not.toThrow();
    expect(() => assertOwnPlace(key, 'b', own)).toThrow('not its own');
    const forged = readResource(
      '{"resourceType":"Binary","contentType":"a/b","_data":{"extension":[{"url":"urn:boxyard:structure-definition:binary-content","valueString":"AAAA"}]}}',
    );
    expect(() => assertOwnPlace(key, 'a', forged)).toThrow('not its own');
    const foreign = readResource(
      '{"resourceType":"Binary","contentType":"a/b","_data":{"extension":[{"url":"http://x.example.org","valueString":"AAAA"}]}}',
    );
    expect(() => assertOwnPlace(key, 'a', foreign)).not.toThrow();
  });
});

describe('the data of a Binary', () => {
  const dataOf = (data: unknown) => takeData({ value: { resourceType: 'Binary', data: data as string } });

  test.each([
    ['aGVsbG8=', 'hello'],
    ['aGVs\nbG8=', 'hello'],
    [' ', ''],
  ])('%j is %j', (base64, content) => {
    expect(dataOf(base64)?.toString()).toBe(content);
  });

  test.each(['a', 'aGVsbG8', 'aGVs=bG8', 'aGVsbG8-', '=', 'Zh==='])('%j is refused', (text) => {
    expect(() => dataOf(text)).toThrow('must be base64');
  });

  test('of another JSON type is left for the validation to name', () => {
    expect([dataOf(1), dataOf(undefined)]).toEqual([undefined, undefined]);
  });
});
