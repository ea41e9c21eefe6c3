import type { Identity, StoredVersion } from '#fhir-store';

/** A reference in a body in normal form. In other strings the quotes would be escaped. */
const REFERENCE =
  /"reference":"((?:https?:\/\/[^"\\]*?\/)?)([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^"\\/]+)?"/g;

/**
 * Which resources of the project the bodies refer to, each once, as far as they are of one of `types` and none of the
 * given ones. Absolute references count when they are below one of the project's own base URLs.
 */
export function referredResources(
  versions: readonly StoredVersion[],
  types: ReadonlySet<string>,
  ownBaseUrls: readonly string[] = [],
): Identity[] {
  const found = new Map<string, Identity>();
  if (types.size === 0) return [];
  for (const { body } of versions) {
    for (const [, base = '', type = '', id = ''] of body.matchAll(REFERENCE)) {
      const isLocal = base === '' || ownBaseUrls.includes(base);
      if (isLocal && types.has(type)) found.set(`${type}/${id}`, { type, id });
    }
  }
  for (const { type, id } of versions) found.delete(`${type}/${id}`);
  return [...found.values()];
}
