import { CommandError, ProblemError, problemOf } from '../api/problem-error.js';
import { explainError } from './explain-error.js';
import { table } from './table.js';
import { count, moment, oneLine, printable, span } from './words.js';

describe('words', () => {
  test.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [1_000, '1 s'],
    [59_700, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [3_605_000, '1 h'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
  ])('a span of %d ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text);
  });

  test('a moment is told in UTC to the second', () => {
    expect(moment('2026-11-21T10:05:00.123+01:00')).toBe('2026-11-21 09:05:00Z');
  });

  test('nouns have their number', () => {
    expect([count(1, 'project'), count(0, 'project')]).toEqual(['1 project', '0 projects']);
  });

  test('others cannot move the cursor, colour the text or turn its direction', () => {
    expect(oneLine(' a\n\tb\u001b[2J\u0007\u009bc\u202e ')).toBe('a b\ufffd[2J\ufffd\ufffdc\ufffd');
    expect(printable('SELECT 1;\r\nSELECT\u00002\rx')).toBe('SELECT 1;\nSELECT\ufffd2\nx');
  });
});

test('a table sets numbers to the right, shows what is missing, and cuts what is too long', () => {
  const rows = [
    { name: 'quay', size: 5 },
    { name: 'x'.repeat(200), size: 120 },
    { name: '', size: null },
  ];
  const columns = [
    { title: 'SIZE', cell: ({ size }: (typeof rows)[number]) => size },
    { title: 'NAME', cell: ({ name }: (typeof rows)[number]) => name },
  ];
  expect(table(rows, columns)).toEqual(['SIZE  NAME', '   5  quay', ` 120  ${'x'.repeat(99)}…`, '   -  -']);
});

describe('an error is explained', () => {
  test('with the fields of a problem and what else it says', () => {
    const problem = {
      ...{ type: 'about:blank', title: 'Bad Request', detail: 'Two fields\nare wrong.', code: 'validation' },
      ...{ requestId: 'req_1', errors: [{ field: 'waves.0.label', message: 'must have the form key:value' }] },
      ...{ projects: ['quay', 'pier'], behind: 2, status: 999 },
    };
    expect(explainError(new ProblemError(problemOf(400, JSON.stringify(problem))))).toEqual([
      'Two fields are wrong. (400 validation)',
      '  waves.0.label must have the form key:value',
      '  projects: quay, pier',
      '  behind: 2',
      '  request: req_1',
    ]);
  });

  test.each(['<html>Bad gateway</html>', '', 'null', '{"code":1}'])('when a server answers %j', (body) => {
    expect(explainError(new ProblemError(problemOf(502, body)))[0]).toContain('(502 unexpected-answer)');
  });

  test('by its message when it is ours, and with its stack when it is a bug', () => {
    expect(explainError(new CommandError('Not there.'))).toEqual(['Not there.']);
    expect(explainError(new TypeError('x of undefined'))[0]).toMatch(/^TypeError: x of undefined\n +at /);
  });
});
