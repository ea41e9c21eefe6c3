import type { Issue } from '../outcomes/issue.js';
import { OutcomeError } from '../outcomes/outcome-error.js';
import { readResource } from './read-resource.js';
import { bodyHead, bodyTail, spliceExtendedMeta } from './stored-body.js';

describe('reading a resource', () => {
  it('keeps the text of all members but resourceType, id and meta, in their order', () => {
    const text = `{ "active" : true, "id":"p1","x":1.00,
      "resourceType":"Patient", "note":"a \\u00e9 b", "meta":{"profile":["q"]}, "name":[{"family":"Quay"}] }`;
    expect(readResource(text)).toEqual({
      resourceType: 'Patient',
      id: 'p1',
      metaMembers: '"profile":["q"]',
      otherMembers: ',"active":true,"x":1.00,"note":"a \\u00e9 b","name":[{"family":"Quay"}]',
      sentAccounts: [],
      value: JSON.parse(text) as unknown,
    });
  });

  it('drops the members of meta that the server manages, with their siblings, from text and value', () => {
    const { metaMembers, value } = readResource(`{"resourceType":"Patient","meta":{
      "versionId":"7","_versionId":{"id":"x"},"lastUpdated":"2020","_lastUpdated":{},"source":"urn:s","author":{"reference":"X/1"},
      "project":"p","account":{},"accounts":[],"compartment":[],"onBehalfOf":{},"tag":[{"code":"t"}]}}`);
    expect(metaMembers).toBe('"source":"urn:s","tag":[{"code":"t"}]');
    expect(value).toEqual({ resourceType: 'Patient', meta: { source: 'urn:s', tag: [{ code: 't' }] } });
  });

  it.each(['{"resourceType":"Basic","meta":{"versionId":"1"}}', '{"resourceType":"Basic","meta":{}}'])(
    'takes a meta without members of the client as absent: %s',
    (text) => {
      expect(readResource(text)).toEqual({
        value: { resourceType: 'Basic' },
        resourceType: 'Basic',
        metaMembers: '',
        otherMembers: '',
        sentAccounts: [],
      });
    },
  );

  it.each([
    ['', undefined],
    [',"meta":{}', []],
    [',"meta":{"accounts":[{"reference":"X/1"}],"account":{"reference":"X/2"}}', [{ reference: 'X/1' }]],
    [',"meta":{"account":{"reference":"X/2"}}', [{ reference: 'X/2' }]],
    [',"meta":{"accounts":"nonsense"}', 'nonsense'],
  ])('tells what it says of accounts, without keeping them: %s', (meta, sentAccounts) => {
    const read = readResource(`{"resourceType":"Basic"${meta}}`);
    expect(read.sentAccounts).toEqual(sentAccounts);
    expect(read.metaMembers).toBe('');
    expect(read.value).toEqual({ resourceType: 'Basic' });
  });

  it.each([
    String.raw`"source":"a\"b"`,
    String.raw`"source":"a\\","tag":[{"code":"\\\"]}"}]`,
    String.raw`"extension":[[["}"]],{"a":"\\"}],"b":-1.50e3,"c":null`,
    String.raw`"a\"b":"","source":"\\\\"`,
  ])('keeps the members of meta apart where strings hold quotes and brackets: %s', (members) => {
    const text = String.raw`{"resourceType":"Basic","meta":{"versionId":"\\",${members},"project":"\""}}`;
    expect(readResource(text).metaMembers).toBe(members);
  });

  it('recognises names with escapes', () => {
    const { metaMembers, otherMembers } = readResource(
      String.raw`{"resource\u0054ype":"Basic","m\u0065ta":{"v\u0065rsionId":"1","source":"s"},"a":1}`,
    );
    expect({ metaMembers, otherMembers }).toEqual({ metaMembers: '"source":"s"', otherMembers: ',"a":1' });
  });

  it('rewrites string values in text and value alike, but no names', () => {
    const { value, otherMembers } = readResource(
      String.raw`{"resourceType":"Observation","subject":{"reference":"urn:uuid:a"},"urn:uuid:a":["urn:uuid:a","\u0075rn:uuid:a"],"n":1.0}`,
      { rewrite: (text) => (text === 'urn:uuid:a' ? 'Patient/"1"' : undefined) },
    );
    expect(otherMembers).toBe(
      String.raw`,"subject":{"reference":"Patient/\"1\""},"urn:uuid:a":["Patient/\"1\"","Patient/\"1\""],"n":1.0`,
    );
    expect(value.subject).toEqual({ reference: 'Patient/"1"' });
    expect(value['urn:uuid:a']).toEqual(['Patient/"1"', 'Patient/"1"']);
  });

  it('treats the names that objects inherit as ordinary members', () => {
    const { value, otherMembers } = readResource(
      '{"resourceType":"Patient","__proto__":{"admin":true},"meta":{"__proto__":{"versionId":"9"}},"constructor":1}',
    );
    expect(otherMembers).toBe(',"__proto__":{"admin":true},"constructor":1');
    expect(Object.keys(value)).toEqual(['resourceType', '__proto__', 'meta', 'constructor']);
    expect(value.admin).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  it.each([
    ['[]', 'A resource must be a JSON object', undefined],
    ['"Patient"', 'A resource must be a JSON object', undefined],
    ['{"id":"1"}', 'A resource must have a resourceType', undefined],
    ['{"resourceType":1}', 'A resource must have a resourceType', undefined],
    ['{"resourceType":"Patient","id":1}', 'The id of a resource must be a string', ['Patient.id']],
    ['{"resourceType":"Patient","id":null}', 'The id of a resource must be a string', ['Patient.id']],
    ['{"resourceType":"Patient","meta":[]}', 'meta must be an object', ['Patient.meta']],
    ['{"resourceType":"Patient","meta":null}', 'meta must be an object', ['Patient.meta']],
  ])('refuses %s', (text, reason, expression) => {
    const [issue, ...others] = issuesOf(() => readResource(text));
    expect(issue).toEqual({ severity: 'error', code: 'structure', text: expect.stringContaining(reason), expression });
    expect(others).toEqual([]);
  });
});

function issuesOf(read: () => unknown): Issue[] {
  try {
    read();
  } catch (error) {
    if (error instanceof OutcomeError) return error.issues;
    throw error;
  }
  return [];
}

describe('a stored body', () => {
  const assemble = (text: string) => {
    const resource = readResource(text);
    return `${bodyHead(resource.resourceType, 'i')}5","lastUpdated":"2026-01-01T00:00:00.000Z"${bodyTail(resource)}`;
  };

  it.each([
    [
      '{"resourceType":"Basic"}',
      '{"resourceType":"Basic","id":"i","meta":{"versionId":"5","lastUpdated":"2026-01-01T00:00:00.000Z"}}',
    ],
    [
      '{"meta":{"tag":[{"code":"x"}]},"code":{"text":"c"},"resourceType":"Basic"}',
      '{"resourceType":"Basic","id":"i","meta":{"versionId":"5","lastUpdated":"2026-01-01T00:00:00.000Z","tag":[{"code":"x"}]},"code":{"text":"c"}}',
    ],
  ])('of %s is put together around version and time', (text, body) => {
    expect(assemble(text)).toBe(body);
  });

  it('takes the extended meta in first place, and nothing when there is none', () => {
    const body = assemble('{"resourceType":"Basic","code":{"text":"c"}}');
    const extended = spliceExtendedMeta(body, 'Basic', 'i', '"project":"p","author":{"reference":"X/1"}');
    expect(extended).toContain('"meta":{"project":"p","author":{"reference":"X/1"},"versionId":"5","lastUpdated"');
    expect(JSON.parse(extended)).toEqual({
      ...(JSON.parse(body) as object),
      meta: {
        project: 'p',
        author: { reference: 'X/1' },
        versionId: '5',
        lastUpdated: '2026-01-01T00:00:00.000Z',
      },
    });
    expect(spliceExtendedMeta(body, 'Basic', 'i', '')).toBe(body);
  });

  it('cannot be forged by a type or id, nor spliced as another resource', () => {
    expect(() => bodyHead('Basic', 'a","x":"')).toThrow('a FHIR id');
    expect(() => bodyHead('Ba"sic', 'a')).toThrow('a FHIR id');
    expect(() => spliceExtendedMeta(assemble('{"resourceType":"Basic"}'), 'Basic', 'j', '"project":"p"')).toThrow(
      'not in normal form',
    );
  });
});
