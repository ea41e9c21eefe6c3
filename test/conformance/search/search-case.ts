import type { JsonObject } from '#fhir';

/**
 * One search and its answer: the matches (all of them and no others) and the included resources, or that it is refused.
 */
export interface SearchCase {
  /**
   * The URL behind the base: `Type?query`; `?_type=…` for a search over several types; `Patient/ana/Observation?query`
   * or `Patient/ana/*?query` for a compartment.
   */
  readonly search: string;
  /**
   * Ids of the matches in the order of the answer (of the first page); without `_sort` that is the order of creation.
   * `Type/id` where the search is not about one type. Left out only by a case that is refused.
   */
  readonly finds?: readonly string[];
  /** `Type/id` of the included resources, in any order; when left out there must be none. */
  readonly includes?: readonly string[];
  /** The issue code of the OperationOutcome with which the search is refused as a bad request. */
  readonly refused?: string;
  /** The element `expression` of the refusal, where the case is about it. */
  readonly expression?: string;
  /** Labels of the FHIR versions to which the case applies; all of them when left out. */
  readonly versions?: readonly string[];
  /** The section of the standard, where it is another one than its suite's. */
  readonly spec?: string;
  /** Why, where it is not plain. */
  readonly because?: string;
}

/** Cases about one thing. */
export interface SearchSuite {
  readonly title: string;
  /** The section of the standard that the cases are about. */
  readonly spec: string;
  readonly cases: readonly SearchCase[];
  /**
   * The data, in the order of creation, for the FHIR version of that label. Suites that leave it out share the
   * resources of `resources.ts`.
   */
  readonly resources?: (version: string) => readonly JsonObject[];
  /** Labels of the FHIR versions to which the suite applies; all of them when left out. */
  readonly versions?: readonly string[];
}
