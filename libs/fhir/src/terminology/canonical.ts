/** Canonical references: a URL and, behind a bar, the version that is meant (https://hl7.org/fhir/R4/references.html#canonical). */

export interface Canonical {
  readonly url: string;
  readonly version?: string;
}

/** Takes `url|version` apart. */
export function parseCanonical(text: string): Canonical {
  const bar = text.indexOf('|');
  if (bar === -1) return { url: text };
  const version = text.slice(bar + 1);
  return { url: text.slice(0, bar), ...(version === '' ? {} : { version }) };
}

/** The reference as text. */
export const canonicalText = ({ url, version }: Canonical): string =>
  version === undefined ? url : `${url}|${version}`;

/**
 * Orders versions as people write them: the numbers in them by value, everything else as text; no version comes first
 * (https://hl7.org/fhir/R4/resource.html#versions: there is no rule but what publishers do).
 */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return byNumbers.compare(a, b);
}

const byNumbers = new Intl.Collator('en', { numeric: true });
