import { compiledSql, type Sql } from '../sql.js';

const quote = '$ddl$';

/**
 * One statement that runs all of these in order: one round trip, one transaction (its own, unless one is open), one wait
 * for the disk. Each is a statement of PL/pgSQL, so DDL as it is, and carries no values (DDL takes none): throws
 * TypeError otherwise. See https://www.postgresql.org/docs/18/sql-do.html.
 */
export function ddlBlock(statements: readonly Sql[]): Sql {
  const body = statements.map(({ text, values }) => {
    if (values.length > 0 || text.includes(quote)) throw new TypeError('A statement of a block of DDL has no values.');
    return `${text};`;
  });
  return compiledSql({ text: `DO ${quote} BEGIN ${body.join(' ')} END ${quote}`, values: [] });
}
