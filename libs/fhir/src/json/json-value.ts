/** What JSON.parse returns, as a type: the only form in which this lib looks at resources. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

export interface JsonObject {
  [member: string]: JsonValue | undefined;
}

/** True for a JSON object; false for arrays and null, which `typeof` lumps together with it. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
