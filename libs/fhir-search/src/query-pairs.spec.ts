import { queryPairs } from './query-pairs.js';

const refused = (category: string) => expect.objectContaining({ category });

describe('the pairs of a query', () => {
  it('are decoded, in order, whether they come as text or as pairs', () => {
    const pairs = [
      ['name', 'a,b c'],
      ['name', ''],
    ] as const;
    expect(queryPairs('name=a%2Cb+c&name')).toEqual(pairs);
    expect(queryPairs(pairs)).toEqual(pairs);
  });

  it('are at most a thousand', () => {
    const text = (count: number) => 'a=1&'.repeat(count);
    const pairs = (count: number) => Array.from({ length: count }, () => ['a', '1'] as const);
    expect(queryPairs(text(1000))).toHaveLength(1000);
    expect(queryPairs(pairs(1000))).toHaveLength(1000);
    expect(() => queryPairs(text(1001))).toThrow(refused('too-costly'));
    expect(() => queryPairs(pairs(1001))).toThrow(refused('too-costly'));
  });

  it('have at most 65,536 characters together', () => {
    expect(queryPairs(`a=${'x'.repeat(65_534)}`)).toHaveLength(1);
    expect(() => queryPairs(`a=${'x'.repeat(65_535)}`)).toThrow(refused('too-costly'));
    expect(queryPairs([['a', 'x'.repeat(65_535)]])).toHaveLength(1);
    expect(() => queryPairs([['ab', 'x'.repeat(65_535)]])).toThrow(refused('too-costly'));
  });

  it.each(['_id=a%00', 'na%00me=x', '%00', [['_id', 'a\0']], [['\0', 'a']]] as const)(
    '%j holds NUL and is refused',
    (query) => {
      expect(() => queryPairs(query)).toThrow(refused('invalid'));
    },
  );
});
