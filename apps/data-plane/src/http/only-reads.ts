/**
 * Requests that are POSTed and read all the same: searches, operations without effect, and a server that asks what a
 * token is worth.
 */
const READING_POST = /^(?:\/fhir\/.*\/?(?:_search|\$validate|\$everything|\$meta)|\/oauth2\/introspect)$/;

/**
 * A log-out can be asked for by a link, who asks how far a log-in has come gets a new code where it is complete, and an
 * export is kept until it has been made.
 */
const WRITING_GET = /^\/(?:oauth2\/logout|auth\/login\/.*|fhir\/(?:.*\/)?\$export)$/;

/**
 * Whether a request leaves the project's data as it is, whatever it holds. `url` is the path and query without the
 * project's prefix and the FHIR version. In doubt a request counts as one that writes: log-ins, Bundles and GraphQL by
 * POST may do so.
 */
export function onlyReads(method: string, url: string): boolean {
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  if (method === 'GET' || method === 'HEAD') return !WRITING_GET.test(routedPath(path));
  return method === 'OPTIONS' || (method === 'POST' && READING_POST.test(path));
}

/** The path as the router reads it, which decodes it; what cannot be decoded is never routed. */
const routedPath = (path: string): string => (path.includes('%') ? decodeURIComponent(path) : path);
