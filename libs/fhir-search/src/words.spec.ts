import { contentWords } from './content-words.js';
import { quoteLexeme, wordsOf } from './words.js';

it('words are runs of letters and digits, normalised, each once', () => {
  expect(wordsOf("Röntgen: the chest's 2nd CHEST-image, 8480-6")).toEqual([
    'rontgen',
    'the',
    'chest',
    's',
    '2nd',
    'image',
    '8480',
    '6',
  ]);
  expect(wordsOf('Мир\u0000труд 中文')).toEqual(['мир', 'труд', '中文']);
  expect(wordsOf(' &%-! ')).toEqual([]);
});

it('a word is cut, so that none is longer than an index takes', () => {
  expect(wordsOf('x'.repeat(100))).toEqual(['x'.repeat(64)]);
});

it('a lexeme is quoted whatever it holds', () => {
  expect(quoteLexeme("o'neil\\ x")).toBe("'o''neil\\\\ x'");
});

it('the words of a resource are those of its narrative without markup, and those of its other texts', () => {
  const { narrative, others } = contentWords({
    resourceType: 'Observation',
    id: 'ident',
    meta: { source: 'nowhere' },
    text: {
      status: 'generated',
      div: '<div xmlns="http://x"><p class="hidden">Heart&#32;r&#x61;te&nbsp;&lt;60&gt;</p>&auml;</div>',
    },
    status: 'final',
    code: { coding: [{ system: 'secret', code: 'hr', display: 'Pulse' }] },
    subject: { reference: 'Patient/p', display: 'Ana' },
    effectiveDateTime: '2024-03-01T10:00:00Z',
    valueUri: 'urn:oid:1.2',
    note: [{ text: 'calm', time: '2024' }],
    contained: [{ resourceType: 'Media', content: { data: 'QUJD', title: 'inner' } }],
  });
  expect(narrative).toEqual(['heart', 'rate', '60', 'auml']);
  expect(others).toEqual(['final', 'hr', 'pulse', 'ana', 'calm', '2024', 'inner']);
});
