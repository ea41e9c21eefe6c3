/** A preference, with what follows it up to the next separator; what stands in quotes separates nothing, closed or not. */
const PART = /(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^",;])+/gs;
const PREFERENCE = /^\s*([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)"))?\s*$/s;

/**
 * The preferences of a header `Prefer` (RFC 7240 section 2, https://www.rfc-editor.org/rfc/rfc7240#section-2) by their
 * names in small letters; without a value they have the empty one. Of several of one name the first counts, and what is
 * malformed is left out. Semicolons separate like commas: clients write both, and nothing that is asked for here has
 * parameters of its own.
 */
export function preferences(header: string | readonly string[] | undefined): ReadonlyMap<string, string> {
  const text = typeof header === 'object' ? header.join(',') : (header ?? '');
  const found = new Map<string, string>();
  for (const [part] of text.matchAll(PART)) {
    const [, name, token, quoted] = PREFERENCE.exec(part) ?? [];
    const key = name?.toLowerCase();
    if (key === undefined || found.has(key)) continue;
    found.set(key, token ?? quoted?.replace(/\\(.)/gs, '$1') ?? '');
  }
  return found;
}
