/** One row of the table: a request and what its `data` must be. */
export interface GraphqlCase {
  /** The section of the standard that says so. */
  readonly spec: string;
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** `Type/id` for a query about one resource. */
  readonly instance?: string;
  readonly data: unknown;
  /** How many errors stand beside the data; none unless said. */
  readonly errors?: number;
}
