import { preferences } from './prefer.js';

test.each<[string | string[] | undefined, Record<string, string>]>([
  [undefined, {}],
  ['', {}],
  [' , ;', {}],
  ['respond-async', { 'respond-async': '' }],
  ['respond-async=""', { 'respond-async': '' }],
  ['return=minimal, wait=10', { return: 'minimal', wait: '10' }],
  ['return=minimal;wait=10', { return: 'minimal', wait: '10' }],
  [['return=minimal', 'wait=10'], { return: 'minimal', wait: '10' }],
  ['Return = "minimal"', { return: 'minimal' }],
  ['return=Minimal', { return: 'Minimal' }],
  ['return=minimal, return=representation', { return: 'minimal' }],
  ['foo="a, respond-async, b"; wait=1', { foo: 'a, respond-async, b', wait: '1' }],
  [String.raw`foo="\"\\, wait=9", wait=1`, { foo: '"\\, wait=9', wait: '1' }],
  [String.raw`foo="\", respond-async`, {}],
  ['foo="a, respond-async', {}],
  ['wait=1, foo="', { wait: '1' }],
  ['a b, return=min imal, =x, "return"=minimal, foo="a"b, wait=, x=1', { x: '1' }],
])('Prefer: %j has %j', (header, expected) => {
  expect(Object.fromEntries(preferences(header))).toEqual(expected);
});
