import { compiledSql, identifier, join, literal, named, sql } from './sql.js';

describe('sql', () => {
  test('every value becomes a parameter', () => {
    const statement = sql`SELECT * FROM t WHERE a = ${1} AND b = ${"'; DROP TABLE t"} AND c = ${null}`;
    expect(statement.text).toBe('SELECT * FROM t WHERE a = $1 AND b = $2 AND c = $3');
    expect(statement.values).toEqual([1, "'; DROP TABLE t", null]);
    expect(statement.name).toBeUndefined();
  });

  test('a nested fragment is put in as text and its parameters are counted on', () => {
    const condition = sql`b = ${2} OR b = ${3}`;
    const statement = sql`SELECT ${1} WHERE (${condition}) AND c = ${4}`;
    expect(statement.text).toBe('SELECT $1 WHERE (b = $2 OR b = $3) AND c = $4');
    expect(statement.values).toEqual([1, 2, 3, 4]);
  });

  test('fragments nest to any depth and may be empty', () => {
    const statement = sql`${sql`${sql`${'x'}`}`}${sql``}${sql`, ${'y'}`}`;
    expect(statement.text).toBe('$1, $2');
    expect(statement.values).toEqual(['x', 'y']);
  });

  test('undefined is refused', () => {
    expect(() => sql`SELECT ${undefined}`).toThrow(TypeError);
  });
});

describe('identifier', () => {
  test('is quoted, whatever it holds', () => {
    expect(sql`SELECT * FROM ${identifier('a "b"; --')}`.text).toBe('SELECT * FROM "a ""b""; --"');
  });

  test.each(['', 'x'.repeat(64), 'ä'.repeat(32), 'a\0b'])('refuses what PostgreSQL would cut or not take', (name) => {
    expect(() => identifier(name)).toThrow(TypeError);
  });
});

describe('join', () => {
  test('separates values and fragments', () => {
    expect(sql`IN (${join([1, 2])})`).toMatchObject({ text: 'IN ($1, $2)', values: [1, 2] });
    expect(sql`WHERE ${join([sql`a = ${1}`, sql`b`], sql` AND `)}`).toMatchObject({
      text: 'WHERE a = $1 AND b',
      values: [1],
    });
    expect(sql`(${join([])})`.text).toBe('()');
  });
});

test('a literal cannot be left', () => {
  expect(sql`${literal("it's")}`.text).toBe("'it''s'");
  expect(sql`${literal("\\' OR 1=1")}`.text).toBe("E'\\\\'' OR 1=1'");
  expect(() => literal('\0')).toThrow(TypeError);
});

describe('a named statement', () => {
  test('keeps text and values', () => {
    expect(named('read', sql`SELECT ${1}`)).toMatchObject({ name: 'read', text: 'SELECT $1', values: [1] });
  });

  test('has a name that fits', () => {
    expect(() => named('a b', sql`SELECT 1`)).toThrow(TypeError);
    expect(() => named('x'.repeat(64), sql`SELECT 1`)).toThrow(TypeError);
    expect(() => compiledSql({ name: '', text: 'SELECT 1', values: [] })).toThrow(TypeError);
  });
});

test('a compiled statement runs as it is and cannot be nested', () => {
  const statement = compiledSql({ name: 'search', text: 'SELECT $1, $1', values: ['x'] });
  expect(statement).toMatchObject({ name: 'search', text: 'SELECT $1, $1', values: ['x'] });
  expect(() => sql`SELECT (${statement})`).toThrow(TypeError);
});
