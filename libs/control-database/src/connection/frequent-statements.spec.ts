import { FrequentStatements, hasColumnsOfItsOwn } from './frequent-statements.js';

const use = (statements: FrequentStatements, text: string, times: number): (string | undefined)[] =>
  Array.from({ length: times }, () => statements.nameFor(text));

describe('a statement', () => {
  test('has one name from its sixth use on', () => {
    const statements = new FrequentStatements();
    const names = use(statements, 'SELECT 1 AS one', 8);
    expect(names.slice(0, 5)).toEqual(Array(5).fill(undefined));
    expect(names.slice(5)).toEqual(Array(3).fill('frequent_1'));
    expect(use(statements, 'SELECT 2 AS two', 6).at(-1)).toBe('frequent_2');
    expect(statements.nameFor('SELECT 1 AS one')).toBe('frequent_1');
  });

  test('that is not among the first forty frequent ones never gets a name', () => {
    const statements = new FrequentStatements();
    for (let index = 0; index < 40; index++) use(statements, `SELECT ${index}`, 5);
    expect(statements.nameFor('SELECT 39')).toBe('frequent_40');
    expect(use(statements, 'SELECT 40', 20).filter((name) => name !== undefined)).toEqual([]);
  });
});

test.each([
  ['SELECT id, name FROM project WHERE id = $1', true],
  ['SELECT count(*)::int AS projects, (SELECT max(x) FROM (SELECT * FROM y) AS z) FROM project', true],
  ['WITH a AS (SELECT * FROM b WHERE (c = 1)), d AS (DELETE FROM e RETURNING *) SELECT a.id FROM a, d', true],
  ["UPDATE project SET at = now() + $3 * interval '1 ms' WHERE id = $1 RETURNING id", true],
  ['DELETE FROM project', true],
  ['SELECT * FROM project', false],
  ['select p.*, 1 AS one FROM project p', false],
  ['SELECT p.id, p.*\nFROM project p', false],
  ['INSERT INTO project (id) VALUES ($1) RETURNING *', false],
  ['WITH a AS (SELECT id FROM b) SELECT id, * FROM a', false],
])('%s names its columns: %s', (text, expected) => {
  expect(hasColumnsOfItsOwn(text)).toBe(expected);
});
