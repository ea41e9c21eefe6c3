import { escapeValue, splitUnescaped, unescapeValue } from './value-text.js';

describe('splitting a value', () => {
  it.each([
    ['a,b', ['a', 'b']],
    ['a\\,b,c', ['a\\,b', 'c']],
    ['a\\\\,b', ['a\\\\', 'b']],
    ['', ['']],
    [',', ['', '']],
    ['a\\', ['a\\']],
  ])('%j gives %j', (text, parts) => expect(splitUnescaped(text, ',')).toEqual(parts));
});

describe('unescaping a value', () => {
  it.each([
    ['a\\,b\\|c\\$d\\\\e', 'a,b|c$d\\e'],
    ['\\n\\', '\\n\\'],
    ['plain', 'plain'],
  ])('%j gives %j', (text, plain) => expect(unescapeValue(text)).toBe(plain));
});

it('an escaped value is one value, and stands for what was escaped', () => {
  const text = 'a,b|c$d\\e';
  for (const separator of [',', '|', '$'] as const)
    expect(splitUnescaped(escapeValue(text), separator)).toHaveLength(1);
  expect(unescapeValue(escapeValue(text))).toBe(text);
});
