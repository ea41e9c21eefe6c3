import fc from 'fast-check';
import { OutcomeError } from '../outcomes/outcome-error.js';
import { normalForm } from './normal-form.js';

const maxDepth = 64;
const normal = (text: string) => normalForm(text, { maxDepth }).text;

function refusal(text: string): string {
  try {
    normal(text);
  } catch (error) {
    if (error instanceof OutcomeError) return `${error.category} ${error.issues[0]?.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('the normal form of a JSON text', () => {
  it.each([
    [
      '{ "a" : 1.00 ,\n\t"b":[ 1e5 , -0.0, 12345678901234567890.10 ] }',
      '{"a":1.00,"b":[1e5,-0.0,12345678901234567890.10]}',
    ],
    ['\r\n {} ', '{}'],
    ['[ ]', '[]'],
    ['{"a":{ },"b":[ [ ] , { } ]}', '{"a":{},"b":[[],{}]}'],
    ['{"a b":" c  d "}', '{"a b":" c  d "}'],
    [String.raw`{"a":"\u00e9\/\"\\ \n"}`, String.raw`{"a":"\u00e9\/\"\\ \n"}`],
    ['"é😀"', '"é😀"'],
    [String.raw`"\ud83d\ude00"`, String.raw`"\ud83d\ude00"`],
    [' true ', 'true'],
    ['[null,false,true]', '[null,false,true]'],
  ])('of %j is %j: only white space outside strings goes', (text, expected) => {
    expect(normal(text)).toBe(expected);
  });

  it.each([
    ['', 'a value is expected (line 1, column 1)'],
    ['{"a":1', 'the text ends too early (line 1, column 7)'],
    ['{"a":"x', 'the text ends too early'],
    ['{"a":1}\n{', 'there is more text after its end (line 2, column 1)'],
    ['{"a":1}x', 'there is more text after its end'],
    ['{"a":1,}', 'a member name in double quotes is expected (line 1, column 8)'],
    ['{a:1}', 'a member name in double quotes is expected'],
    ['{"a" 1}', "':' is expected"],
    ['{"a":1 "b":2}', "',' or '}' is expected"],
    ['[1 2]', "',' or ']' is expected"],
    ['[1}', "',' or ']' is expected"],
    ['[1,]', 'a value is expected'],
    ['[,1]', 'a value is expected'],
    ['[01]', "',' or ']' is expected"],
    ['[1.]', 'a digit is expected'],
    ['[-]', 'a digit is expected'],
    ['[+1]', 'a value is expected'],
    ['[.5]', 'a value is expected'],
    ['[1e]', 'a digit is expected'],
    ['[NaN]', 'a value is expected'],
    ['[tru]', 'a value is expected'],
    ["['a']", 'a value is expected'],
    ['["a\nb"]', 'control characters must be escaped (line 1, column 4)'],
    ['["\u0000"]', 'control characters must be escaped'],
    [String.raw`["\u0000"]`, 'strings may not hold the character NUL'],
    [String.raw`["\x41"]`, 'there is no such escape'],
    [String.raw`["\u12g4"]`, 'needs four hexadecimal digits'],
    [String.raw`["\ud83d"]`, 'half of a surrogate pair stands alone'],
    [String.raw`["\ud83dx"]`, 'half of a surrogate pair stands alone'],
    [String.raw`["\ude00"]`, 'half of a surrogate pair stands alone'],
    ['["\ud83d"]', 'half of a surrogate pair stands alone'],
    ['\ufeff{}', 'it starts with a byte order mark'],
    ['{"a":1,"a":1}', 'the member "a" stands twice in one object (line 1, column 8)'],
    [String.raw`{"a":1,"\u0061":1}`, 'stands twice in one object'],
    ['{"x":{"__proto__":1,"__proto__":2}}', 'the member "__proto__" stands twice'],
    [`{${Array.from({ length: 60 }, (_, i) => `"m${i}":0`).join()},"m59":0}`, 'the member "m59" stands twice'],
    ['['.repeat(65) + ']'.repeat(65), 'may be nested 64 deep at most'],
    ['['.repeat(3000) + ']'.repeat(3000), 'may be nested 64 deep at most'],
    ['{"a":'.repeat(3000), 'may be nested 64 deep at most'],
  ])('refuses what breaks the rules, case %#', (text, reason) => {
    expect(refusal(text)).toContain('invalid structure: The body cannot be read as JSON: ');
    expect(refusal(text)).toContain(reason);
  });

  it('accepts the same member name in different objects, and names that objects inherit', () => {
    const text = '{"a":{"a":[{"a":1},{"a":2}]},"__proto__":{},"constructor":1,"toString":2}';
    expect(normal(text)).toBe(text);
  });

  it('accepts nesting up to the limit', () => {
    const text = '['.repeat(64) + ']'.repeat(64);
    expect(normal(text)).toBe(text);
  });

  it('tells where the members of the outermost object are, after white space and rewriting', () => {
    const { text, members } = normalForm(' { "long name" : [ 1 ] , "b" : "old" ,"c":{ "d":1 } }', {
      maxDepth,
      rewrite: (value) => (value === 'old' ? 'a longer one' : undefined),
    });
    expect(members.map(({ start, end }) => text.slice(start, end))).toEqual([
      '"long name":[1]',
      '"b":"a longer one"',
      '"c":{"d":1}',
    ]);
    expect(members.map(({ value, end }) => text.slice(value, end))).toEqual(['[1]', '"a longer one"', '{"d":1}']);
  });

  const jsonText = fc
    .tuple(fc.jsonValue({ noUnicodeString: false, maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t', ' \n\r'))
    .filter(([value]) => !/\\u0000|\\ud[89a-f]/.test(JSON.stringify(value)))
    .map(([value, space]) => ({ value, text: JSON.stringify(value, undefined, space) }));

  it('means the same as the text it came from, and is its own normal form', () => {
    fc.assert(
      fc.property(jsonText, ({ value, text }) => {
        const first = normal(text);
        expect(first).toBe(JSON.stringify(value));
        expect(normal(first)).toBe(first);
      }),
      { seed: 1 },
    );
  });

  it('keeps the text of every number', () => {
    const number = fc
      .tuple(fc.constantFrom('', '-'), fc.nat(), fc.constantFrom('', '.0', '.500', '.10e-3', 'E+7', 'e10'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(number), (numbers) => {
        expect(normal(`[ ${numbers.join(' , ')} ]`)).toBe(`[${numbers.join(',')}]`);
      }),
      { seed: 1 },
    );
  });

  it('accepts nothing that JSON.parse refuses, and refuses beyond it only what the header of the file names', () => {
    const noise = fc
      .array(fc.constantFrom(...'{}[]",:0123456789.-+eE\\u \ntrufalsn'), { maxLength: 14 })
      .map((c) => c.join(''));
    fc.assert(
      fc.property(noise, (text) => {
        const verdict = refusal(text);
        const parses = canParse(text);
        if (verdict === 'accepted') expect(parses).toBe(true);
        else if (parses) expect(verdict).toMatch(/twice|NUL|surrogate/);
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });

  it('takes time linear in the length of the text, also for many members and hostile names', () => {
    const start = performance.now();
    const names = Array.from({ length: 100_000 }, (_, index) => `"a${String(index).padStart(6, '0')}z":0`);
    expect(normal(`{${names.join()}}`)).toHaveLength(names.join().length + 2);
    const newlines = `${'\n'.repeat(1_000_000)}x`;
    expect(refusal(newlines)).toContain('line 1000001, column 1');
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

function canParse(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
