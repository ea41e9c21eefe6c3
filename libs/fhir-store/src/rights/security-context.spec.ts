import { securityContextOf, unguardedBody } from './security-context.js';

const head = '{"resourceType":"Binary","id":"b","meta":{"versionId":"1"},"contentType":"a/b"';
const content = ',"_data":{"id":"1","extension":[]},"data":"aGVsbG8="';
const binary = (members: string) => ({ type: 'Binary', body: `${head}${members}}` });

test.each([
  [',"securityContext":{"reference":"Patient/1"}', { type: 'Patient', id: '1' }],
  [',"security\\u0043ontext":{"reference":"Patient/1/_history/3"}', { type: 'Patient', id: '1' }],
  [',"securityContext":{"reference":"https://elsewhere.example.org/Patient/1"}', 'unknown'],
  [',"securityContext":{"display":"x"}', 'unknown'],
])('%s guards the content', (member, context) => {
  const guarded = binary(`${content}${member}`);
  expect(securityContextOf(guarded)).toEqual(context);
  expect(unguardedBody(guarded)).toBe(`${head}${member}}`);
});

test('without a context, and in other types, everything is shown', () => {
  expect(securityContextOf(binary(content))).toBeUndefined();
  expect(unguardedBody(binary(content))).toBe(binary(content).body);
  const other = { type: 'Media', body: '{"resourceType":"Media","securityContext":{},"data":"x"}' };
  expect(unguardedBody(other)).toBe(other.body);
  expect(unguardedBody({ type: 'Binary', body: '' })).toBe('');
});
