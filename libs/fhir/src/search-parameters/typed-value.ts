import type { JsonObject, JsonValue } from '../json/json-value.js';

/** A value that a search parameter finds in a resource, with its FHIR type: `HumanName`, `dateTime`, `Reference`, ... */
export interface TypedValue {
  type: string;
  value: JsonValue;
}

/** Adds the values that one expression finds in `resource` to `found`. */
export type Evaluate = (resource: JsonObject, found: TypedValue[]) => void;
