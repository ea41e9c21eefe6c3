/**
 * The request target, read once before Fastify chooses a route. Two of its parts are routing rather than what is asked:
 * `/p/<slug>`, which names the project, and the version segment of `/fhir/R4/…`, which must be the project's own. Both
 * are taken off, and a slash at the end with them, so that every route exists once and later rules see one spelling of a
 * path.
 */
import type { IncomingMessage } from 'node:http';

export interface RequestTarget {
  /** `<slug>` of `/p/<slug>/…`. */
  readonly projectName: string | undefined;
  /** `/p/<slug>`, or empty. */
  readonly prefix: string;
  /** The version segment below `fhir/` (`R4`), or undefined. */
  readonly fhirVersion: string | undefined;
  /** Path and query without both; `/` when there is a flaw. */
  readonly url: string;
  /** Why no route may see the path. The router itself would refuse it too, but not in FHIR's terms. */
  readonly flaw: 'malformed' | 'too-long' | undefined;
}

const PATH_PREFIX = '/p/';
const FHIR_PREFIX = '/fhir/';
/** No resource type looks like one of these. */
const VERSION_SEGMENT = /^(?:R\d[A-Z]?|STU3|DSTU2)$/;

/** No segment of a path that we know is longer. */
const MAX_SEGMENT_LENGTH = 1024;

/** Splits a request target (`/p/quay/fhir/R4/Patient?name=a`). `pathRouting` says whether `/p/` names projects. */
export function parseRequestTarget(url: string, pathRouting: boolean): RequestTarget {
  let projectName: string | undefined;
  let prefix = '';
  let rest = url;
  if (pathRouting && url.startsWith(PATH_PREFIX)) {
    const end = segmentEnd(url, PATH_PREFIX.length);
    projectName = url.slice(PATH_PREFIX.length, end);
    prefix = url.slice(0, end);
    rest = url.slice(end);
    if (!rest.startsWith('/')) rest = `/${rest}`;
  }
  let fhirVersion: string | undefined;
  if (rest.startsWith(FHIR_PREFIX)) {
    const end = segmentEnd(rest, FHIR_PREFIX.length);
    const segment = rest.slice(FHIR_PREFIX.length, end);
    if (VERSION_SEGMENT.test(segment)) {
      fhirVersion = segment;
      rest = `/fhir${rest.slice(end)}`;
    }
    rest = withoutTrailingSlash(rest);
  }
  const flaw = flawOf(rest);
  return { projectName, prefix, fhirVersion, url: flaw === undefined ? rest : '/', flaw };
}

/** The root, a type or a resource, with a slash that means nothing. */
const TRAILING_SLASH = /^(\/fhir(?:\/[^/?]+){0,2})\/(?=\?|$)/;

/**
 * FHIR writes some addresses with a slash before the question mark (`DELETE [base]/[type]/?…`,
 * https://hl7.org/fhir/R4/http.html#3.1.0.7.1). It is taken off, so that it leads nowhere else and is seen by nobody.
 */
function withoutTrailingSlash(url: string): string {
  const query = url.indexOf('?');
  return url[(query === -1 ? url.length : query) - 1] === '/' ? url.replace(TRAILING_SLASH, '$1') : url;
}

function flawOf(url: string): RequestTarget['flaw'] {
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  if (path.length <= MAX_SEGMENT_LENGTH && !path.includes('%')) return undefined;
  if (path.split('/').some((segment) => segment.length > MAX_SEGMENT_LENGTH)) return 'too-long';
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return 'malformed';
  }
}

function segmentEnd(url: string, from: number): number {
  let end = from;
  while (end < url.length && url[end] !== '/' && url[end] !== '?') end++;
  return end;
}

const targetKey = Symbol('request target');

/** Remembers the target with the request and gives the URL by which the request is to be routed. */
export function rewriteRequest(
  request: IncomingMessage & { [targetKey]?: RequestTarget },
  pathRouting: boolean,
): string {
  const target = parseRequestTarget(request.url ?? '/', pathRouting);
  request[targetKey] = target;
  return target.url;
}

/** The target that `rewriteRequest` found; undefined for a request that it did not see. */
export function requestTargetOf(request: IncomingMessage & { [targetKey]?: RequestTarget }): RequestTarget | undefined {
  return request[targetKey];
}
