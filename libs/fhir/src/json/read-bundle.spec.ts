import { readBundle } from './read-bundle.js';

describe('reading a Bundle', () => {
  it('gives each entry the text of its own resource and keeps the rest as a value', () => {
    const { value, resources } = readBundle(`{ "resourceType":"Bundle", "type" : "transaction", "entry": [
      { "fullUrl":"urn:uuid:1", "resource": { "resourceType":"Patient", "x": 1.00 }, "request":{"method":"POST","url":"Patient"} },
      { "request":{"method":"GET","url":"Patient/1"} },
      7 ] }`);
    expect(resources).toEqual(['{"resourceType":"Patient","x":1.00}', undefined, undefined]);
    expect(value).toEqual({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        { fullUrl: 'urn:uuid:1', request: { method: 'POST', url: 'Patient' } },
        { request: { method: 'GET', url: 'Patient/1' } },
        7,
      ],
    });
  });

  it.each([
    '{"resourceType":"Bundle","entry":[]}',
    '{"resourceType":"Bundle","entry":{}}',
    '{"resourceType":"Bundle"}',
  ])('without entries has no resources: %s', (text) => {
    expect(readBundle(text)).toEqual({ value: JSON.parse(text) as unknown, resources: [] });
  });

  it('lets a resource in an entry nest as deeply as one that stands alone', () => {
    const resource = `{"resourceType":"Basic","x":${'['.repeat(63)}${']'.repeat(63)}}`;
    expect(readBundle(`{"entry":[{"resource":${resource}}]}`).resources).toEqual([resource]);
    expect(() => readBundle(`{"entry":[{"resource":[${resource}]}]}`)).toThrow('nested 67 deep at most');
  });

  it('refuses what is no object', () => {
    expect(() => readBundle('[]')).toThrow('A Bundle must be a JSON object');
  });
});
