/**
 * What a client asked for, after reading and checking the query string and before any decision about how to answer it.
 * Everything here is plain data: it can be printed, compared and kept.
 */
import type { SearchParameter } from '#fhir';
import type { WordsQuery } from './words-query.js';

/** How a comparison with a date, number or quantity is meant (https://hl7.org/fhir/R4/search.html#prefix). */
export type Prefix = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le' | 'sa' | 'eb' | 'ap';

/** A date value of a search: the span [start, end) in milliseconds that its precision covers, widened for `ap`. */
export interface DateTest {
  readonly prefix: Prefix;
  readonly start: number;
  readonly end: number;
}

/**
 * A number of a search. `value` is the number itself, which every comparison but `eq`, `ne` and `ap` takes as exact;
 * [start, end) is what its digits leave open (`100`: 99.5 to 100.5), for `ap` widened to a tenth of the value.
 */
export interface NumberTest {
  readonly prefix: Prefix;
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/**
 * A quantity of a search. `unit` undefined: any unit; with a `system`, that system and code (UCUM units also in any
 * other unit of the same kind); without a `system`, the code or the unit's text is exactly this.
 */
export interface QuantityTest extends NumberTest {
  readonly unit?: { readonly system?: string; readonly code: string };
}

/** What one component of a composite value must be; all components are judged on the same node of the resource. */
export type ComponentTest =
  | { readonly kind: 'token'; readonly value: TokenValue }
  /** Exact reference texts, one of which must be the target. */
  | { readonly kind: 'reference'; readonly targets: readonly string[] }
  | { readonly kind: 'uri'; readonly value: string }
  /** The text starts with it, as a string parameter without modifier. */
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'date'; readonly test: DateTest }
  | { readonly kind: 'number'; readonly test: NumberTest }
  | { readonly kind: 'quantity'; readonly test: QuantityTest };

/** One value of an Identifier with its type (`:of-type`). */
export interface TypedIdentifier {
  readonly system: string;
  readonly code: string;
  readonly value: string;
}

/** One token value. `system` undefined: any system; '': the value must have no system. `code` undefined: any code. */
export interface TokenValue {
  readonly system?: string;
  readonly code?: string;
  /** True for a system of which no element of the data type `code` at which the parameter looks can be. */
  readonly isForeign?: true;
}

/** What a criterion needs to know of its search parameter. */
export type CriterionParameter = Pick<SearchParameter, 'code' | 'key'>;

/** The same for types whose values may stand in the index under the keys of other parameters. */
export type SharedParameter = Pick<SearchParameter, 'code' | 'key' | 'indexKeys'>;

/** One condition of a search. The values of one criterion are alternatives; criteria must all hold. */
export type Criterion =
  | { readonly kind: 'id'; readonly ids: readonly string[]; readonly negated: boolean }
  | { readonly kind: 'last-updated'; readonly tests: readonly DateTest[] }
  | { readonly kind: 'missing'; readonly parameter: SharedParameter; readonly missing: boolean }
  | {
      readonly kind: 'token';
      readonly parameter: SharedParameter;
      readonly values: readonly TokenValue[];
      readonly negated: boolean;
    }
  | {
      readonly kind: 'string';
      readonly parameter: CriterionParameter;
      /** `words`: every word of the value is a word of the text, in any order (`:text`). */
      readonly match: 'starts-with' | 'exact' | 'contains' | 'words';
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
      /** `above`: the uri is the value or one of its parents, `/` by `/`; `contains` compares like a string. */
      readonly match: 'exact' | 'below' | 'above' | 'contains';
      readonly values: readonly string[];
    }
  | { readonly kind: 'number'; readonly parameter: SharedParameter; readonly tests: readonly NumberTest[] }
  | { readonly kind: 'quantity'; readonly parameter: SharedParameter; readonly tests: readonly QuantityTest[] }
  /** Each value has one test for each component of the parameter, in order. */
  | {
      readonly kind: 'composite';
      readonly parameter: SharedParameter;
      readonly values: readonly (readonly ComponentTest[])[];
    }
  | {
      readonly kind: 'of-type';
      readonly parameter: SharedParameter;
      readonly values: readonly TypedIdentifier[];
    }
  /** `:text` of a token or reference: a text that belongs to the code or reference starts with one of the values. */
  | { readonly kind: 'display'; readonly parameter: SharedParameter; readonly values: readonly string[] }
  /** `_text` (the narrative) and `_content` (every text of the resource): the words that one of the values asks for occur. */
  | {
      readonly kind: 'full-text';
      readonly in: 'narrative' | 'content';
      readonly values: readonly WordsQuery[];
    }
  /** `_list`: the resource is a current member of one of the Lists with these ids. */
  | { readonly kind: 'list'; readonly lists: readonly string[] }
  | CombiningCriterion;

/** Criteria that are made of criteria. */
export type CombiningCriterion =
  | { readonly kind: 'and' | 'or'; readonly criteria: readonly Criterion[] }
  | { readonly kind: 'not'; readonly criterion: Criterion }
  /**
   * The resource refers by `parameter` to a resource that satisfies one of the branches: the one of its type
   * (https://hl7.org/fhir/R4/search.html#chaining). Each criterion of a search has a chain of its own.
   */
  | { readonly kind: 'chain'; readonly parameter: CriterionParameter; readonly targets: readonly TypeCriteria[] }
  /**
   * The resource inside this one at which `parameter` looks satisfies one of the branches: the one of its type. Nothing in
   * them leads to further resources.
   */
  | { readonly kind: 'embedded'; readonly parameter: CriterionParameter; readonly targets: readonly TypeCriteria[] }
  /** A resource of the type of `source` that satisfies it refers by `parameter` to this one (`_has`). */
  | { readonly kind: 'has'; readonly parameter: CriterionParameter; readonly source: TypeCriteria }
  /**
   * The resource is in the compartment of `owner` (`Patient/123`): it refers to it by one of `parameters`, or is the
   * owner itself when `includesOwner` says that its type belongs to it (https://hl7.org/fhir/R4/compartmentdefinition.html).
   */
  | {
      readonly kind: 'compartment';
      readonly owner: string;
      readonly parameters: readonly CriterionParameter[];
      readonly includesOwner: boolean;
    };

/** Criteria on resources of one type. They must all hold. */
export interface TypeCriteria {
  readonly type: string;
  readonly criteria: readonly Criterion[];
}

/** One key of `_sort`. Resources without a value come last in both directions. */
export type SortKey = { readonly code: string; readonly descending: boolean } & (
  | { readonly by: 'id' }
  | { readonly by: 'last-updated' }
  /** `text`: the code of a token or the text of a reference. Of several values the one that comes first counts. */
  | { readonly by: 'string' | 'date' | 'number' | 'text'; readonly parameter: CriterionParameter }
);

/** What comes along with the matches (https://hl7.org/fhir/R4/search.html#revinclude). */
export interface Include {
  /** `include`: what a resource refers to; `revinclude`: what refers to it. */
  readonly direction: 'include' | 'revinclude';
  /** Reference parameters to follow, by their keys; undefined: every reference there is. */
  readonly parameters: readonly number[] | undefined;
  /** Only references to resources of this type; undefined: of any. */
  readonly target: string | undefined;
  /** Followed from included resources too, until nothing new is found. */
  readonly iterate: boolean;
}

/** How much of each resource is shown (https://hl7.org/fhir/R4/search.html#summary, #elements). */
export type ShownParts =
  | { readonly kind: 'all' }
  | { readonly kind: 'summary' | 'text' | 'data' }
  | { readonly kind: 'elements'; readonly elements: readonly string[] };

export interface SearchRequest extends TypeCriteria {
  /** The type that is searched; the first one in a search over several. */
  readonly type: string;
  readonly criteria: readonly Criterion[];
  /** The other types of a search over several, each with the same criteria as its own parameters say them. */
  readonly furtherTypes: readonly TypeCriteria[];
  /**
   * True when the client did not name the types that it searches, so that those which it may not see are left out
   * without a word; a type that it named is refused.
   */
  readonly everyType: boolean;
  /** The address of the search below the FHIR base: `Patient`, `Patient/123/Observation`, or empty for the system. */
  readonly path: string;
  readonly includes: readonly Include[];
  readonly shown: ShownParts;
  /** Empty: the order of creation. */
  readonly sort: readonly SortKey[];
  /** Entries on a page, 0..1000. 0 asks for the total alone, in which case `total` is 'accurate'. */
  readonly count: number;
  /** Rows to leave out before the page, 0..10,000. Never together with `cursor`. */
  readonly offset?: number | undefined;
  /** As received; `decodeCursor` checks it. */
  readonly cursor?: string | undefined;
  readonly total: 'none' | 'accurate';
  /** Names of parameters that were not understood and left out (lenient handling only), in the order received. */
  readonly ignored: readonly string[];
  /** The parameters that had an effect, as received, in the order received: what the self link shows. */
  readonly applied: readonly (readonly [name: string, value: string])[];
}
