import { isJsonObject, spliceExtendedMeta, type JsonObject } from '#fhir';
import type { JudgedResource } from '#access-policy';
import type { Draft } from '../writing/draft.js';
import type { StoredVersion } from '../stored-version.js';

/** What of a version is judged. */
type Judgeable = Pick<StoredVersion, 'type' | 'id' | 'body' | 'extendedMeta'>;

/**
 * A version as access policies judge it: the whole resource with its extended meta. It is parsed when its value is first
 * asked for, and once; where it is filed is found without its body. A deletion has no content, so both throw: what is
 * judged then is the last content before it.
 */
export const judgedVersion = (version: Judgeable): JudgedResource => new JudgedVersion(version);

/** A class, since members by a policy have one made for each resource that they read. */
class JudgedVersion implements JudgedResource {
  private parsed: JsonObject | undefined;

  constructor(private readonly version: Judgeable) {}

  get type(): string {
    return this.version.type;
  }

  get value(): JsonObject {
    this.parsed ??= JSON.parse(wholeText(this.version)) as JsonObject;
    return this.parsed;
  }

  get filing(): JsonObject {
    const { type, id, body, extendedMeta } = this.version;
    if (body === '') throw new Error('A deletion has no content to be judged.');
    return { resourceType: type, id, meta: JSON.parse(`{${extendedMeta}}`) as JsonObject };
  }
}

const wholeText = ({ body, type, id, extendedMeta }: Judgeable): string =>
  spliceExtendedMeta(body, type, id, extendedMeta);

/** A resource that is about to be written, as access policies judge it: last changed now. */
export function judgedDraft({ type, value }: Draft): JudgedResource {
  const meta = isJsonObject(value.meta) ? value.meta : {};
  return { type, value: { ...value, meta: { ...meta, lastUpdated: new Date().toISOString() } } };
}
