import { tooCostly } from '#fhir';

/**
 * PostgreSQL takes 65,535 values, and plans long for far fewer. Long lists travel as one array, so that no search that
 * names its alternatives one by one comes near the limit.
 */
const maxValues = 5000;

/** Collects the values of a statement while its text is put together; the text gets their numbers. */
export class Parameters {
  readonly values: unknown[] = [];

  /**
   * The placeholder of `value`, with the cast that tells PostgreSQL its type: `$3::uuid[]`. Throws OutcomeError
   * `too-costly` when the statement has as many values as it may.
   */
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
    if (this.values.length >= maxValues) throw tooCostly('The criteria of the search have too many alternatives.');
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}
