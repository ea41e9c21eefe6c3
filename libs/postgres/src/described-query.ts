import pg from 'pg';

/** How pg reads the rows of a statement, from what the server has said of its columns. */
interface Columns {
  fields: unknown;
  _parsers: unknown;
  _prebuiltEmptyResultObject: unknown;
}

/** What one connection's server has said of the columns of its prepared statements, by their names. */
export type DescribedStatements = Map<string, Columns>;

/** pg's query object as it really is: its type declarations leave these parts out. */
interface QueryObject extends pg.Submittable {
  name?: string;
  _result: Columns;
  _accumulateRows: unknown;
  prepare(connection: object): void;
  handleRowDescription(message: object): void;
}

const Query = pg.Query as unknown as new <Row extends object>(
  text: string,
  values: readonly unknown[],
  callback: (error: Error | null, result: pg.QueryResult<Row>) => void,
) => QueryObject;

/**
 * A statement that asks what its columns are once per connection, if it is a prepared one. pg asks each time it is executed
 * and reads the answer anew, which is a quarter of the processor time that a small statement takes here. Whoever deallocates
 * a statement removes it from `described`. Nothing is misread when columns change: PostgreSQL then refuses to execute the
 * statement as it was prepared (0A000).
 */
export class DescribedQuery<Row extends object> extends Query<Row> {
  constructor(
    text: string,
    values: readonly unknown[],
    private readonly described: DescribedStatements,
    callback: (error: Error | null, result: pg.QueryResult<Row>) => void,
  ) {
    super(text, values, callback);
  }

  override prepare(connection: object): void {
    const columns = this.name === undefined ? undefined : this.described.get(this.name);
    if (columns === undefined) return super.prepare(connection);
    this._result.fields = columns.fields;
    this._result._parsers = columns._parsers;
    this._result._prebuiltEmptyResultObject = columns._prebuiltEmptyResultObject;
    this._accumulateRows = true;
    super.prepare(withoutDescribe(connection));
  }

  override handleRowDescription(message: object): void {
    super.handleRowDescription(message);
    if (this.name === undefined) return;
    const { fields, _parsers, _prebuiltEmptyResultObject } = this._result;
    // The result itself also holds the rows.
    this.described.set(this.name, { fields, _parsers, _prebuiltEmptyResultObject });
  }
}

const withoutDescribes = new WeakMap<object, object>();

/** The same connection, but for its question about the columns. */
function withoutDescribe(connection: object): object {
  let silent = withoutDescribes.get(connection);
  if (silent === undefined) {
    silent = Object.create(connection, { describe: { value: () => undefined } }) as object;
    withoutDescribes.set(connection, silent);
  }
  return silent;
}
