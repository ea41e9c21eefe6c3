/** Uris (https://hl7.org/fhir/R4/search.html#uri): compared exactly; a canonical is also known without its version. */
import type { TypedValue } from '#fhir';
import { normaliseText } from '../normalised-text.js';
import type { Criterion } from '../search-request.js';

type UriMatch = Extract<Criterion, { kind: 'uri' }>['match'];

/** Whether the uri of a resource is one of `wanted`, lies above or below one, or contains one. */
export function matchesUri(match: UriMatch, wanted: readonly string[], { value }: TypedValue): boolean {
  if (typeof value !== 'string') return false;
  const uri = value.replaceAll('\0', '');
  switch (match) {
    case 'below':
      return wanted.some((prefix) => uri.startsWith(prefix));
    case 'contains':
      return wanted.some((part) => normaliseText(uri).includes(normaliseText(part)));
    case 'above':
      return names(uri).some((name) => wanted.some((deeper) => isAbove(name, deeper)));
    case 'exact':
      return names(uri).some((name) => wanted.includes(name));
  }
}

/** A canonical is known with and without its version. */
function names(uri: string): string[] {
  const version = /\|[^|]*$/.exec(uri);
  return version !== null && version.index > 0 ? [uri, uri.slice(0, version.index)] : [uri];
}

/** Whether `uri` is the other one, or stands above it in the hierarchy that slashes make behind the host. */
function isAbove(uri: string, deeper: string): boolean {
  if (uri === deeper) return true;
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(deeper)?.[0];
  return origin !== undefined && uri.length >= origin.length && deeper.startsWith(uri.replace(/\/?$/, '/'));
}
