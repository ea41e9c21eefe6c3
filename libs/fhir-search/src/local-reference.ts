/**
 * The function that writes references the way the index holds them: an absolute reference below one of the project's
 * own base URLs (each ending in a slash) becomes the relative one, so that `https://me/fhir/R4/Patient/1` and
 * `Patient/1` are the same target. Everything else stays as it is.
 */
export function localReferences(ownBaseUrls: readonly string[]): (reference: string) => string {
  return (reference) => {
    const base = ownBaseUrls.find((url) => reference.startsWith(url));
    return base === undefined ? reference : reference.slice(base.length);
  };
}
