import type { JsonObject } from '#fhir';
import type { SearchParameters } from '../graphql-source.js';

/** A page of a search, as objects. */
export interface FoundPage {
  readonly resources: readonly JsonObject[];
  readonly total?: number;
  /** For the parameter `_cursor` of the same search. */
  readonly next?: string;
}

export type Search = (type: string, parameters: SearchParameters) => Promise<FoundPage>;
