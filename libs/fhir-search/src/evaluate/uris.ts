/** Uris (https://hl7.org/fhir/R4/search.html#uri): compared exactly; a canonical is also known without its version. */
import type { TypedValue } from '#fhir';
import { normaliseText } from '../normalised-text.js';
import type { Criterion } from '../search-request.js';
import { preparedOnce } from './prepared.js';

type UriMatch = Extract<Criterion, { kind: 'uri' }>['match'];

/** Whether the uri of a resource is one of `wanted`, lies above or below one, or contains one. */
export function matchesUri(match: UriMatch, wanted: readonly string[], { value }: TypedValue): boolean {
  if (typeof value !== 'string') return false;
  const uri = value.replaceAll('\0', '');
  switch (match) {
    case 'below':
      return wanted.some((prefix) => uri.startsWith(prefix));
    case 'contains': {
      const text = normaliseText(uri);
      return normalised(wanted).some((part) => text.includes(part));
    }
    case 'above': {
      const deeper = withOrigins(wanted);
      return names(uri).some((name) => isAboveOne(name, deeper));
    }
    case 'exact':
      return names(uri).some((name) => wanted.includes(name));
  }
}

/** A canonical is known with and without its version. */
function names(uri: string): string[] {
  const version = /\|[^|]*$/.exec(uri);
  return version !== null && version.index > 0 ? [uri, uri.slice(0, version.index)] : [uri];
}

const normalised = preparedOnce((wanted) => wanted.map(normaliseText));

const withOrigins = preparedOnce((wanted) =>
  wanted.map((uri) => ({ uri, origin: /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(uri)?.[0] })),
);

/** Whether `uri` is one of the others, or stands above one in the hierarchy that slashes make behind the host. */
function isAboveOne(uri: string, others: ReturnType<typeof withOrigins>): boolean {
  const folder = uri.endsWith('/') ? uri : `${uri}/`;
  return others.some(
    (deeper) =>
      uri === deeper.uri ||
      (deeper.origin !== undefined && uri.length >= deeper.origin.length && deeper.uri.startsWith(folder)),
  );
}
