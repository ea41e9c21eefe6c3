/**
 * How a search will be answered: conditions over the tenant's tables, an order and a window. A plan is a plain value,
 * so it can be printed in a test or a log, and whoever narrows a search (an access policy) adds to `where` before
 * `toSql` turns it into a statement. Texts are already hashed here; nothing in a plan needs the project's key.
 */
import type { DateTest } from './search-request.js';

/** A condition on one resource. The members of `where` must all hold. */
export type Condition =
  | { readonly kind: 'id'; readonly ids: readonly string[]; readonly negated: boolean }
  | { readonly kind: 'last-updated'; readonly tests: readonly DateTest[] }
  /**
   * The resource has at least one of these tokens; `negated`: none of them. `identifying`: few resources have any of
   * them (identifiers, addresses of e-mail), so that looking them up always beats walking through the type.
   */
  | {
      readonly kind: 'token';
      readonly anyOf: readonly string[];
      readonly negated: boolean;
      readonly identifying: boolean;
    }
  | { readonly kind: 'reference'; readonly parameter: number; readonly targets: readonly string[] }
  | {
      readonly kind: 'string';
      readonly parameter: number;
      readonly match: StringMatch;
      readonly values: readonly string[];
    }
  | { readonly kind: 'date'; readonly parameter: number; readonly tests: readonly DateTest[] };

/**
 * `prefix` and `contains` compare with `resource_string.value`, so their values are in the form in which the index
 * holds them; `exact` compares with `resource_string.original`.
 */
export type StringMatch = 'prefix' | 'contains' | 'exact';

/** One key of the order; the creation number of the resource always follows as the last key. */
export type OrderKey = { readonly descending: boolean } & (
  | { readonly by: 'id' }
  | { readonly by: 'last-updated' }
  | { readonly by: 'string'; readonly parameter: number }
  /** `main`: the parameter whose earliest start also stands in `resource_reference.ord`. */
  | { readonly by: 'date'; readonly parameter: number; readonly main: boolean }
);

/** The place of one row in the order of a plan: the value of each order key (null = none) and the creation number. */
export interface CursorPosition {
  readonly values: readonly (string | null)[];
  readonly id: string;
}

export interface SearchPlan {
  readonly type: string;
  readonly where: readonly Condition[];
  readonly order: readonly OrderKey[];
  /** Rows on a page. The statement asks for one more, which tells whether there is a next page. */
  readonly count: number;
  readonly offset: number;
  /** Only rows behind this place. */
  readonly after?: CursorPosition;
}

/**
 * A statement for the tenant's database. Equal shapes have equal text. With a `name` (≤ 63 characters, equal for equal
 * text) it is meant to be prepared once per connection; without one it is planned anew for its values each time.
 */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * One row of the statement of `toSql`. There is always at least one row; when nothing was found it is a single row
 * whose `id` (and every other column but `epoch`) is null. `s1`..`sN` are the values of the order keys, for the cursor.
 */
export interface SearchRow {
  readonly epoch: string;
  readonly id: string | null;
  readonly type: string;
  readonly fhir_id: string;
  readonly version: string;
  /** Instant in UTC with milliseconds, as it stands in the body: `2026-11-21T04:10:12.345Z`. */
  readonly last_updated: string;
  readonly body: string;
  readonly extended_meta: string;
  readonly [sortColumn: `s${number}`]: string | null;
}

/** The one row of the statement of `toCountSql`. */
export interface CountRow {
  readonly epoch: string;
  readonly total: string;
}
