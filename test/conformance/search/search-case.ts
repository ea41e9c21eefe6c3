/** One search and the resources that it must find, all of them and no others. */
export interface SearchCase {
  /** `Type?query`. */
  readonly search: string;
  /** Ids in the order of the answer; without `_sort` that is the order of creation. */
  readonly finds: readonly string[];
  /** Why, where it is not plain. */
  readonly because?: string;
}
