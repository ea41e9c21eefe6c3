/** Texts that are nearly right: what a search or a body looks like after an accident, or in the hands of an attacker. */
import type { SeededRandom } from '#testing';

/** `text` with one to three pieces damaged, and nothing in it that an HTTP request line cannot carry. */
export function garbledQuery(text: string, random: SeededRandom): string {
  const bytes = [...Buffer.from(damage(text, queryPieces, random))];
  return bytes.map((byte) => (mayBeSent(byte) ? String.fromCharCode(byte) : percentEncoded(byte))).join('');
}

const mayBeSent = (byte: number): boolean => byte > 0x20 && byte < 0x7f && byte !== 0x23;
const percentEncoded = (byte: number): string => `%${byte.toString(16).padStart(2, '0')}`;

/** `text`, which is JSON, damaged as text: it may no longer be JSON, or be JSON of another form. */
export const garbledJson = (text: string, random: SeededRandom): string => damage(text, jsonPieces, random);

const queryPieces = [
  ...[
    '&',
    '=',
    '?',
    '|',
    '||',
    '$',
    ',',
    ',,',
    '\\',
    '\\,',
    ':',
    '::',
    '.',
    '..',
    '%',
    '%zz',
    '%00',
    '%ff',
    '%ed%a0%80',
  ],
  ...['(', ')', '[]', '{}', "'", '"', '`', ';', '--', '/*', '%27%20OR%201=1', '$1', 'NaN', 'Infinity', '-0', '1e400'],
  ...['9'.repeat(400), `1e${'9'.repeat(20)}`, '-', '+', 'ge', 'eq', 'ap', '0000', '9999-99-99', '2024-13', 'T25:61'],
  ...['_has:', '_has:Patient:', ':missing', ':exact', ':not', ':in', ':of-type', ':above', ':identifier', ':Patient.'],
  ...['_filter=', '_filter=a eq', '&_sort=', '&_sort=-', '&_count=-1', '&_count=1e9', '&_offset=-5', '&_cursor=AAAA'],
  ...['&_include=', '&_include=*', '&_revinclude=*:*', '&_include=Patient:', '&_elements=', '&_summary=', '&_total='],
  ...[
    '&_type=',
    '&_type=Patient,,',
    '&_list=',
    '&_text=',
    '&_content=((',
    '&_contained=true',
    '&_query=x',
    '&_format=',
  ],
  ...[
    '&_lastUpdated=',
    '&__proto__=1',
    '&constructor=1',
    '&toString:exact=1',
    'é',
    '\u{1f642}',
    '\ud800',
    '\0',
    '\u2028',
  ],
  '('.repeat(300),
  'subject:Patient.link.'.repeat(40),
  '_has:Observation:subject:'.repeat(40),
  'a,'.repeat(2_000),
];

const jsonPieces = [
  ...['{', '}', '[', ']', '"', ',', ':', '\\', '\\u0000', '\\ud800', '\u0000', '\u0007', 'null', 'true', '[]', '{}'],
  ...['1e400', '-0', '00', '0.', '.5', '1E+', '9'.repeat(400), 'NaN', '//', '/* */', '\ufeff', '\u{1f642}', '\ud800'],
  ...['"__proto__":{}', '"constructor":1', '"resourceType":"Patient",', '"id":"x",', '"meta":{"versionId":"1"},'],
  ...['"extension":[{"url":"x"}],', '"_id":{},', '"contained":[{}],', '"reference":"Patient?name=x"', '"urn:uuid:x"'],
  '['.repeat(2_000),
  '{"a":'.repeat(2_000),
];

function damage(text: string, pieces: readonly string[], random: SeededRandom): string {
  let damaged = text;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const from = random.below(damaged.length + 1);
    const to = Math.min(damaged.length, from + random.below(8));
    const [before, taken, after] = [damaged.slice(0, from), damaged.slice(from, to), damaged.slice(to)];
    switch (random.below(5)) {
      case 0:
        damaged = before + after;
        break;
      case 1:
        damaged = before + taken + taken + after;
        break;
      case 2:
        damaged = before + [...taken].reverse().join('') + after;
        break;
      default:
        damaged = before + random.pick(pieces) + (random.chance(0.5) ? taken : '') + after;
    }
  }
  return damaged;
}
