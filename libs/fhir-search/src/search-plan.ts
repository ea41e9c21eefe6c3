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
  /** The resource refers, by one of these parameters, to one of these targets. */
  | { readonly kind: 'reference'; readonly parameters: readonly number[]; readonly targets: readonly string[] }
  | {
      readonly kind: 'string';
      readonly parameter: number;
      readonly match: StringMatch;
      readonly values: readonly string[];
    }
  | { readonly kind: 'date'; readonly parameter: number; readonly tests: readonly DateTest[] }
  /** A row of resource_number lies within one of the bounds. */
  | { readonly kind: 'number'; readonly anyOf: readonly NumberBounds[] }
  /** Two rows of resource_number that come from one node of the resource: a composite of two numbers. */
  | { readonly kind: 'number-pair'; readonly anyOf: readonly (readonly [NumberBounds, NumberBounds])[] }
  /** The resource's words satisfy the query, which is PostgreSQL's `tsquery` over `resource_text.words`. */
  | { readonly kind: 'words'; readonly query: string }
  /**
   * The condition holds, and is asked of each resource that the others lead to: they find so few that no index should be
   * entered by this one, however much it seems to narrow.
   */
  | { readonly kind: 'filter'; readonly condition: Condition }
  | CombiningCondition;

/**
 * Where the rows of a number, quantity or composite must lie: a closed interval for each of their two ends, so that
 * every prefix has the same form (`> 5` starts at the next number there is behind 5).
 */
export interface NumberBounds {
  readonly parameter: number;
  /** What else must be equal, a unit or a code: `anyScope` or the hash of a text that number-scopes.ts makes. */
  readonly scope: string;
  readonly lower: readonly [from: number, to: number];
  readonly upper: readonly [from: number, to: number];
  /** Hashes that the row must carry, for what is too rare to be part of the scope. */
  readonly marks: readonly string[];
}

/** Conditions that are made of conditions, and those that follow references to other resources. */
export type CombiningCondition =
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  /** No resource satisfies it: what somebody finds who may not see anything of a type. */
  | { readonly kind: 'nothing' }
  /** The resource is of the type of one of the plans and satisfies its conditions. */
  | { readonly kind: 'of-types'; readonly plans: readonly TypePlan[] }
  /** The resource refers by `parameter` to one that satisfies one of the plans (a chain). */
  | { readonly kind: 'refers-to'; readonly parameter: number; readonly plans: readonly TypePlan[] }
  /** One that satisfies the plan refers by `parameter` to the resource (`_has`). */
  | { readonly kind: 'referred-from'; readonly parameter: number; readonly plan: TypePlan }
  /** The resource refers to targets of one of the groups, or is itself one of `selves` (hashes of `Type/id`). */
  | { readonly kind: 'linked'; readonly groups: readonly LinkGroup[]; readonly selves: readonly string[] }
  /** One of the resources with these creation numbers refers to the resource, as one of the groups says. */
  | { readonly kind: 'target-of'; readonly resources: readonly string[]; readonly groups: readonly TargetGroup[] };

/** References by these parameters (undefined: by any) to these targets. */
export interface LinkGroup {
  readonly parameters: readonly number[] | undefined;
  readonly targets: readonly string[];
}

/** References by these parameters (undefined: by any) to resources of this type (undefined: of any). */
export interface TargetGroup {
  readonly parameters: readonly number[] | undefined;
  readonly type: string | undefined;
}

/** Conditions on resources of one type, which must all hold. Deleted resources satisfy none. */
export interface TypePlan {
  readonly type: string;
  readonly where: readonly Condition[];
}

/**
 * `prefix` and `contains` compare with `resource_string.value`, so their values are in the form in which the index
 * holds them; `exact` compares with `resource_string.original`.
 */
export type StringMatch = 'prefix' | 'contains' | 'exact' | 'words';

/** One key of the order; the creation number of the resource always follows as the last key. */
export type OrderKey = { readonly descending: boolean } & (
  | { readonly by: 'id' }
  | { readonly by: 'last-updated' }
  | { readonly by: 'string'; readonly parameter: number }
  /** The number in `resource_number` that comes first, whatever its unit. */
  | { readonly by: 'number'; readonly parameter: number }
  /** The members for `code` of `resource.sort_texts`. */
  | { readonly by: 'text'; readonly code: string }
  /** `main`: the parameter whose start also stands in `resource_reference.ord`; no main date has several values. */
  | { readonly by: 'date'; readonly parameter: number; readonly main: boolean }
);

/** The place of one row in the order of a plan: the value of each order key (null = none) and the creation number. */
export interface CursorPosition {
  readonly values: readonly (string | null)[];
  readonly id: string;
}

export interface SearchPlan {
  /** At least one. */
  readonly types: readonly string[];
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
  /** Null when the rows up to this one have more bytes than a page; then those behind it have none either. */
  readonly body: string | null;
  readonly extended_meta: string;
  readonly [sortColumn: `s${number}`]: string | null;
}

/** The one row of the statement of `toCountSql`. */
export interface CountRow {
  readonly epoch: string;
  readonly total: string;
}
