/**
 * SQL text that can only be made here: a query runs only if `sql` (or a pure compiler through `compiledSql`) made it,
 * so a bare string does not compile. Values always become parameters; names go through `identifier()`.
 */
export class SqlFragment {
  // A private field makes the class nominal: no literal object is a SqlFragment.
  readonly #parts: readonly string[];
  readonly #values: readonly unknown[];

  /** There is one part more than values; a parameter stands between two parts. */
  constructor(parts: readonly string[], values: readonly unknown[]) {
    this.#parts = parts;
    this.#values = values;
  }

  /** Appends this fragment to a statement that is being put together; its first part continues the last one there. */
  appendTo(parts: string[], values: unknown[]): void {
    parts.push(`${parts.pop() ?? ''}${this.#parts[0] ?? ''}`, ...this.#parts.slice(1));
    values.push(...this.#values);
  }
}

/** A whole statement. With a `name` it is prepared once per connection. */
export class Sql extends SqlFragment {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly name?: string;

  constructor(parts: readonly string[], values: readonly unknown[], name?: string) {
    super(parts, values);
    this.text = numbered(parts);
    this.values = values;
    this.name = name;
  }
}

function numbered(parts: readonly string[]): string {
  let text = parts[0] ?? '';
  for (let position = 1; position < parts.length; position++) text += `$${position}${parts[position]}`;
  return text;
}

/**
 * Builds a statement or a fragment of one: sql`SELECT body FROM resource WHERE ${condition} AND id = ${id}`. A nested
 * fragment is put in as text with its own parameters, every other value is a parameter. `undefined` is refused, since
 * it is nearly always a mistake; say `null`.
 */
export function sql(strings: TemplateStringsArray, ...values: unknown[]): Sql {
  const parts: string[] = [strings[0] ?? ''];
  const parameters: unknown[] = [];
  values.forEach((value, position) => {
    const following = strings[position + 1] ?? '';
    if (value instanceof SqlFragment) {
      value.appendTo(parts, parameters);
      parts.push(`${parts.pop() ?? ''}${following}`);
    } else {
      if (value === undefined)
        throw new TypeError(`SQL parameter ${position + 1} is undefined in: ${strings.join('?')}`);
      parameters.push(value);
      parts.push(following);
    }
  });
  return new Sql(parts, parameters);
}

/** A quoted name of a table, column, role or database. Throws when PostgreSQL would cut or refuse it. */
export function identifier(name: string): SqlFragment {
  const bytes = Buffer.byteLength(name, 'utf8');
  if (bytes === 0 || bytes > 63 || name.includes('\0')) {
    throw new TypeError('An SQL identifier has 1 to 63 bytes and no NUL.');
  }
  return new SqlFragment([`"${name.replaceAll('"', '""')}"`], []);
}

/** Puts fragments (or values, as parameters) one after another with a separator, by default a comma. */
export function join(items: readonly unknown[], separator: SqlFragment = comma): SqlFragment {
  const parts: string[] = [''];
  const values: unknown[] = [];
  items.forEach((item, position) => {
    if (position > 0) separator.appendTo(parts, values);
    (item instanceof SqlFragment ? item : sql`${item}`).appendTo(parts, values);
  });
  return new SqlFragment(parts, values);
}

const comma = new SqlFragment([', '], []);

/**
 * A quoted text literal, for DDL, which takes no parameters. Not exported from the lib: everything else can and must
 * use parameters.
 */
export function literal(text: string): SqlFragment {
  if (text.includes('\0')) throw new TypeError('An SQL text has no NUL.');
  const escape = text.includes('\\') ? 'E' : '';
  return new SqlFragment([`${escape}'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`], []);
}

/** The same statement, prepared under `name` on each connection that runs it. One name must always mean one text. */
export function named(name: string, statement: Sql): Sql {
  assertStatementName(name);
  return compiledSql({ name, text: statement.text, values: statement.values });
}

/**
 * A statement whose text a pure compiler has made, with `$1`, `$2`, … for its values. It stands for itself and cannot
 * be nested.
 */
export function compiledSql(statement: { name?: string; text: string; values: readonly unknown[] }): Sql {
  if (statement.name !== undefined) assertStatementName(statement.name);
  return new CompiledSql(statement);
}

class CompiledSql extends Sql {
  constructor(statement: { name?: string; text: string; values: readonly unknown[] }) {
    super([statement.text], statement.values, statement.name);
  }

  override appendTo(): never {
    throw new TypeError('A compiled statement cannot be part of another one.');
  }
}

function assertStatementName(name: string): void {
  if (!/^[A-Za-z0-9_.:-]{1,63}$/.test(name)) {
    throw new TypeError('A statement name has 1 to 63 characters of A-Z, a-z, 0-9, "_", ".", ":" and "-".');
  }
}
