import { parseWordsQuery, type WordsQuery } from './words-query.js';

const and = (...parts: WordsQuery[]): WordsQuery => ({ kind: 'and', parts });
const or = (...parts: WordsQuery[]): WordsQuery => ({ kind: 'or', parts });

describe('a question about words', () => {
  it.each<[string, WordsQuery]>([
    ['Bone', 'bone'],
    ['bone liver', and('bone', 'liver')],
    ['bone and liver', and('bone', 'liver')],
    ['bone or liver', or('bone', 'liver')],
    ['(bone OR liver) and metastases', and(or('bone', 'liver'), 'metastases')],
    ['bone OR liver metastases', or('bone', and('liver', 'metastases'))],
    ['bone OR (liver (old or new))', or('bone', and('liver', or('old', 'new')))],
    ["o'clock", and('o', 'clock')],
    ['and', 'and'],
    ['or bone', and('or', 'bone')],
    ['bone or', and('bone', 'or')],
    ['(bone or) liver', and(and('bone', 'or'), 'liver')],
    ['bone OR or liver', or('bone', and('or', 'liver'))],
    ['bone not liver', and('bone', 'not', 'liver')],
    ['( ) bone', 'bone'],
    ['bone or !', 'bone'],
  ])('%s', (text, query) => {
    expect(parseWordsQuery(text)).toEqual({ query });
  });

  it.each([
    ['(bone', 'its parentheses do not match'],
    ['bone)', 'its parentheses do not match'],
    [')bone(', 'its parentheses do not match'],
    ['()', 'expected 1 to 50 words'],
    ['%&!', 'expected 1 to 50 words'],
    [Array.from({ length: 51 }, (_, number) => `w${number}`).join(' '), 'expected 1 to 50 words'],
    [`${'('.repeat(21)}bone${')'.repeat(21)}`, 'parentheses may be nested 20 deep'],
  ])('%s is refused', (text, flaw) => {
    expect(parseWordsQuery(text)).toEqual({ flaw });
  });

  it('takes a long text in no time', () => {
    expect(parseWordsQuery('or '.repeat(20_000))).toEqual({ flaw: 'expected 1 to 50 words' });
  });
});
