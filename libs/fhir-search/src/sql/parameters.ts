/** Collects the values of a statement while its text is put together; the text gets their numbers. */
export class Parameters {
  readonly values: unknown[] = [];

  /** The placeholder of `value`, with the cast that tells PostgreSQL its type: `$3::uuid[]`. */
  add(
    value: unknown,
    type:
      | 'text'
      | 'text[]'
      | 'uuid'
      | 'uuid[]'
      | 'int4'
      | 'int4[]'
      | 'int8'
      | 'int8[]'
      | 'float8'
      | 'timestamptz'
      | 'tsquery',
  ): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}
