/**
 * What a client asked for, after reading and checking the query string and before any decision about how to answer it.
 * Everything here is plain data: it can be printed, compared and kept.
 */
import type { SearchParameter } from '#fhir';

/** How a comparison with a date is meant (https://hl7.org/fhir/R4/search.html#prefix). */
export type DatePrefix = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le' | 'sa' | 'eb' | 'ap';

/** A date value of a search: the span [start, end) in milliseconds that its precision covers, widened for `ap`. */
export interface DateTest {
  readonly prefix: DatePrefix;
  readonly start: number;
  readonly end: number;
}

/** One token value. `system` undefined: any system; '': the value must have no system. `code` undefined: any code. */
export interface TokenValue {
  readonly system?: string;
  readonly code?: string;
}

/** What a criterion needs to know of its search parameter. */
export type CriterionParameter = Pick<SearchParameter, 'code' | 'key'>;

/** One condition of a search. The values of one criterion are alternatives; criteria must all hold. */
export type Criterion =
  | { readonly kind: 'id'; readonly ids: readonly string[]; readonly negated: boolean }
  | { readonly kind: 'last-updated'; readonly tests: readonly DateTest[] }
  | { readonly kind: 'missing'; readonly parameter: CriterionParameter; readonly missing: boolean }
  | {
      readonly kind: 'token';
      readonly parameter: CriterionParameter;
      readonly values: readonly TokenValue[];
      readonly negated: boolean;
    }
  | {
      readonly kind: 'string';
      readonly parameter: CriterionParameter;
      readonly match: 'starts-with' | 'exact' | 'contains';
      readonly values: readonly string[];
    }
  | { readonly kind: 'date'; readonly parameter: CriterionParameter; readonly tests: readonly DateTest[] }
  /** `targets` are exact reference texts (`Patient/1`, an absolute URL, a canonical). */
  | { readonly kind: 'reference'; readonly parameter: CriterionParameter; readonly targets: readonly string[] }
  | {
      readonly kind: 'reference-identifier';
      readonly parameter: CriterionParameter;
      readonly values: readonly TokenValue[];
    }
  | {
      readonly kind: 'uri';
      readonly parameter: CriterionParameter;
      readonly match: 'exact' | 'below';
      readonly values: readonly string[];
    };

/** One key of `_sort`. Resources without a value come last in both directions. */
export type SortKey = { readonly code: string; readonly descending: boolean } & (
  | { readonly by: 'id' }
  | { readonly by: 'last-updated' }
  | { readonly by: 'string' | 'date'; readonly parameter: CriterionParameter }
);

export interface SearchRequest {
  readonly type: string;
  readonly criteria: readonly Criterion[];
  /** Empty: the order of creation. */
  readonly sort: readonly SortKey[];
  /** Entries on a page, 0..1000. 0 asks for the total alone, in which case `total` is 'accurate'. */
  readonly count: number;
  /** Rows to leave out before the page, 0..10,000. Never together with `cursor`. */
  readonly offset?: number;
  /** As received; `decodeCursor` checks it. */
  readonly cursor?: string;
  readonly total: 'none' | 'accurate';
  /** Names of parameters that were not understood and left out (lenient handling only), in the order received. */
  readonly ignored: readonly string[];
  /** The parameters that had an effect, as received, in the order received: what the self link shows. */
  readonly applied: readonly (readonly [name: string, value: string])[];
}
