/**
 * Which representation a client asks for (https://hl7.org/fhir/R4/http.html#mime-type). There is one, JSON; whoever can
 * take nothing else than XML or Turtle is told so instead of being sent what it cannot read. `_format` goes before
 * the header. A `fhirVersion` parameter must name the version of the project.
 */
import { includesType, parseMediaTypes, type MediaRange } from '../http/media-types.js';

/** The names that clients give to FHIR in JSON; the first is the standard's. */
const JSON_TYPES = ['application/fhir+json', 'application/json', 'text/json', 'application/json+fhir'];

const JSON_FORMATS = new Set(['json', ...JSON_TYPES]);

/** What a request says about the representation of its answer. */
export interface RepresentationWish {
  /** The header Accept. */
  readonly accept: string | undefined;
  /** The parameter `_format`, decoded. */
  readonly format: string | undefined;
}

/** The value of `_format` in the URL of a request; undefined when it has none. */
export function formatOf(url: string): string | undefined {
  const found = /[?&]_format=([^&]*)/.exec(url)?.[1];
  if (found === undefined || found === '') return undefined;
  try {
    // A plus sign that was not escaped means the one in `application/fhir+json`.
    return decodeURIComponent(found).trim().replaceAll(' ', '+').toLowerCase();
  } catch {
    return found;
  }
}

/** Whether FHIR in JSON, of the version `versionId` (`4.0.1`), is what the client can take. `also` names further types. */
export function acceptsJson(
  { accept, format }: RepresentationWish,
  versionId: string,
  also: readonly string[] = [],
): boolean {
  if (format !== undefined) {
    const [range] = parseMediaTypes(format);
    return range === undefined ? JSON_FORMATS.has(format) : fits(range, versionId, also);
  }
  if (accept === undefined || accept.trim() === '') return true;
  return parseMediaTypes(accept).some((range) => fits(range, versionId, also));
}

function fits(range: MediaRange, versionId: string, also: readonly string[]): boolean {
  if (range.quality === 0 || !isOfVersion(range, versionId)) return false;
  return [...JSON_TYPES, ...also].some((type) => includesType(range, type));
}

/** Whether a Content-Type may be the project's: without `fhirVersion`, or with its own (`4.0` means any `4.0.x`). */
export function isOfVersion({ parameters }: MediaRange, versionId: string): boolean {
  const wanted = parameters.get('fhirversion');
  return wanted === undefined || versionId === wanted || versionId.startsWith(`${wanted}.`);
}

/**
 * How a Binary is to be shown (https://hl7.org/fhir/R4/binary.html#rest): `resource` when the client names FHIR's own
 * types, `content` when it takes the content's type or anything, whichever it likes better; undefined when neither.
 */
export function binaryRepresentation(
  { accept, format }: RepresentationWish,
  versionId: string,
  contentType: string,
): 'resource' | 'content' | undefined {
  if (format !== undefined) return acceptsJson({ accept, format }, versionId) ? 'resource' : undefined;
  if (accept === undefined || accept.trim() === '') return 'content';
  const [{ type = contentType } = {}] = parseMediaTypes(contentType);
  const ranges = parseMediaTypes(accept);
  const content = best(ranges.filter((range) => includesType(range, type)));
  const resource = best(
    ranges.filter((range) => JSON_TYPES.includes(range.type) && range.type !== type && isOfVersion(range, versionId)),
  );
  if (content === 0 && resource === 0) return undefined;
  return resource > content ? 'resource' : 'content';
}

function best(ranges: readonly MediaRange[]): number {
  return Math.max(0, ...ranges.map(({ quality }) => quality));
}
