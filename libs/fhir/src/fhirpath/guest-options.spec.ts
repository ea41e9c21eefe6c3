import { fhirVersion } from '../versions/registry.js';
import { fhirpathCompiler } from './fhirpath-compiler.js';

const evaluate = (expression: string, family = 'Winter'): readonly unknown[] =>
  fhirpathCompiler(fhirVersion('R4'))(expression)({ resourceType: 'Patient', name: [{ family }] }, {});

const doubled = (times: number): string => `'abcdefghij'${'.select($this & $this)'.repeat(times)}`;
const thirty = `(${Array.from({ length: 30 }, (_, n) => n).join('|')})`;

describe('an expression that somebody brings along', () => {
  it.each([
    ['a text', `${doubled(24)}.length() > 0`, 'too long a text'],
    [
      'a text with something between all its characters',
      `${doubled(17)}.replace('', 'ab').length() > 0`,
      'too long a text',
    ],
    ['a text on the way', `${doubled(24)}.substring(0, 1) = 'a'`, 'too long a text'],
    ['a collection', `${thirty}.aggregate($total.combine($total), 1).count() > 0`, 'too many items'],
  ])('ends before %s takes all of the memory', (_, expression, message) => {
    expect(() => evaluate(expression)).toThrow(message);
  });

  it('may have texts and collections as long as those of a resource', () => {
    expect(evaluate(`${doubled(16)}.length()`)).toEqual([655_360]);
    expect(evaluate(`${thirty}.aggregate($total.combine(iif($index < 10, $total, {})), 1).count()`)).toEqual([1_024]);
  });

  it('may read a text of any length', () => {
    expect(evaluate(`name.family.length() > 3 and name.family.startsWith('x')`, 'x'.repeat(3_000_000))).toEqual([true]);
  });
});
