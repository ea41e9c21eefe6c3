/**
 * What this lib needs of a project's resources. It never sees a database: the data plane implements this over the one
 * repository that checks rights, so nothing here can reach what REST would not show.
 */
import type { FhirVersion, OutcomeError } from '#fhir';

/** Names one resource. */
export interface ResourceIdentity {
  readonly type: string;
  readonly id: string;
}

/** A resource as the caller may see it. */
export interface SourceResource extends ResourceIdentity {
  /** The text that REST would send: JSON in the normal form of stored bodies. */
  readonly text: string;
}

export interface SearchPage {
  readonly resources: readonly SourceResource[];
  /** How many match in all, if it was asked for. */
  readonly total?: number;
  /** For the parameter `_cursor` of the same search; undefined on the last page. */
  readonly next?: string;
}

/** The parameters of a search, as they would stand in a query string. */
export type SearchParameters = readonly (readonly [name: string, value: string])[];

/**
 * Whose rights count is up to the implementation; it is made for one request and checks them on each call. An
 * OutcomeError is about the field that asked and is told to the client there; any other error ends the request.
 */
export interface GraphqlSource {
  readonly version: FhirVersion;
  /** Base URLs of the project's FHIR API, each ending in a slash: references below them are local ones. */
  readonly ownBaseUrls: readonly string[];
  /** The current versions, in the order asked for; for each that cannot be shown, the reason. One statement if possible. */
  readMany(identities: readonly ResourceIdentity[]): Promise<readonly (SourceResource | OutcomeError)[]>;
  /** One page of a search of `type`. Throws OutcomeError for parameters that REST refuses too. */
  search(type: string, parameters: SearchParameters): Promise<SearchPage>;
  /** Absent where changes are not allowed (a GET request). */
  readonly writer?: GraphqlWriter;
}

/** Changes of single resources, as the REST API makes them, with its checks. `text` is the JSON of a resource. */
export interface GraphqlWriter {
  create(type: string, text: string): Promise<SourceResource>;
  update(type: string, id: string, text: string): Promise<SourceResource>;
  delete(type: string, id: string): Promise<void>;
}
