import { isJsonObject, spliceExtendedMeta, type JsonObject } from '#fhir';
import type { JudgedResource } from '#access-policy';
import type { Draft } from './draft.js';
import type { StoredVersion } from './stored-version.js';

/** What of a version is judged. */
type Judgeable = Pick<StoredVersion, 'type' | 'id' | 'body' | 'extendedMeta'>;

/**
 * A version as access policies judge it: the whole resource with its extended meta. It is parsed when its value is first
 * asked for, and once. A deletion has no content, so its value throws: what is judged then is the last content before it.
 */
export function judgedVersion(version: Judgeable): JudgedResource {
  let value: JsonObject | undefined;
  return {
    type: version.type,
    get value(): JsonObject {
      value ??= JSON.parse(wholeText(version)) as JsonObject;
      return value;
    },
  };
}

const wholeText = ({ body, type, id, extendedMeta }: Judgeable): string =>
  spliceExtendedMeta(body, type, id, extendedMeta);

/** A resource that is about to be written, as access policies judge it: last changed now. */
export function judgedDraft({ type, value }: Draft): JudgedResource {
  const meta = isJsonObject(value.meta) ? value.meta : {};
  return { type, value: { ...value, meta: { ...meta, lastUpdated: new Date().toISOString() } } };
}
