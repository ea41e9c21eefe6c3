/**
 * The first thing that happens to a request: CORS headers, then host, path and header to a tenant. A known and serving
 * project costs a few map look-ups; everything else ends here with an error, after at most one catch-up of the
 * directory that all requests for unknown names share.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { fhirVersion, notFound, OutcomeError } from '#fhir';
import {
  ambiguousProject,
  formerNameUsed,
  refusalOf,
  type RequestNames,
  schemaTooOld,
  type TenantDirectory,
  type TenantEntry,
  type TenantRouter,
  unknownProject,
} from '#tenancy';
import { allowOrigin, answerPreflight, isPreflight } from '../http/cors.js';
import { HttpStatusError } from '../http/http-status-error.js';
import { type RequestTarget, requestTargetOf } from '../http/request-target.js';
import { onlyReads } from '../http/only-reads.js';
import type { BaseUrls } from './base-urls.js';
import { RequestTenant, type TenantCarrier, requestTenantKey } from './request-tenant.js';

export interface RoutingOptions {
  readonly router: TenantRouter;
  readonly directory: Pick<TenantDirectory, 'catchUp' | 'refresh'>;
  readonly baseUrls: BaseUrls;
}

/** Adds the hook to every route, unknown ones included. */
export function routeRequests(fastify: FastifyInstance, options: RoutingOptions): void {
  fastify.decorateRequest(requestTenantKey, null);
  fastify.addHook('onRequest', (request, reply, done) => routeRequest(options, request, reply, done));
}

function routeRequest(
  { router, directory, baseUrls }: RoutingOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  allowOrigin(request, reply);
  if (isPreflight(request)) {
    answerPreflight(request, reply);
    return;
  }
  const target = requestTargetOf(request.raw);
  if (target === undefined) {
    // It came over a listener that rewriteRequest does not stand before: what it is for cannot be told.
    done(new Error('the request was routed before its target was read'));
    return;
  }
  if (target.flaw !== undefined) {
    done(new HttpStatusError(target.flaw === 'malformed' ? 400 : 414));
    return;
  }
  const names = namesOf(request, target);
  const found = router.route(names);
  const admitted = (entry: typeof found): Error | undefined => {
    if (typeof entry === 'object') announceNewName(baseUrls, request, reply, target, entry, names);
    return admit(request, target, entry);
  };
  const news = newsOf(directory, found);
  if (news === undefined) {
    done(admitted(found));
    return;
  }
  news.then(
    () => done(admitted(router.route(names))),
    (error: unknown) => done(error as Error),
  );
}

/**
 * What to wait for before a request is refused; undefined when there is nothing to wait for. A project that was just put
 * into service must not be refused by whoever heard of it last, so one that is being built is looked up again. A name
 * that nobody knows may be anybody's invention and must cost next to nothing.
 */
function newsOf(
  directory: RoutingOptions['directory'],
  found: ReturnType<TenantRouter['route']>,
): Promise<void> | undefined {
  if (found === 'unknown') return directory.catchUp();
  return typeof found === 'object' && found.state === 'provisioning' ? directory.refresh() : undefined;
}

function namesOf(request: FastifyRequest, target: RequestTarget): RequestNames {
  const header = request.headers['x-project'];
  return { host: request.host, path: target.projectName, header: header === undefined ? undefined : String(header) };
}

/**
 * Says on the answer to a request by a former slug since when that is deprecated (RFC 9745), when it ends (RFC 8594) and
 * what the canonical address is (RFC 6596). There is no redirect, because clients drop their Authorization on one.
 */
function announceNewName(
  baseUrls: BaseUrls,
  request: FastifyRequest,
  reply: FastifyReply,
  { prefix }: RequestTarget,
  entry: TenantEntry,
  names: RequestNames,
): void {
  const former = formerNameUsed(entry, names, baseUrls.baseDomain)?.former;
  if (former === undefined) return;
  void reply
    .header('deprecation', `@${Math.floor(former.since / 1000)}`)
    .header('sunset', new Date(former.endsAt).toUTCString())
    .header('link', `<${baseUrls.canonicalOfRequest(request, entry, prefix)}>; rel="canonical"`);
}

/** Puts the tenant on the request, or gives the reason why it is not served. */
function admit(
  request: FastifyRequest,
  target: RequestTarget,
  found: TenantEntry | 'unknown' | 'ambiguous' | 'none',
): Error | undefined {
  if (found === 'ambiguous') return ambiguousProject();
  if (typeof found === 'string') return unknownProject();
  // What a request wants matters in read-only maintenance alone.
  const intent = found.readOnly !== true || onlyReads(request.method, target.url) ? 'read' : 'write';
  const refusal =
    refusalOf(found, intent) ?? (found.schemaTooOld ? schemaTooOld() : undefined) ?? versionMismatch(found, target);
  if (refusal !== undefined) return refusal;
  (request as TenantCarrier)[requestTenantKey] = new RequestTenant(found, target);
  return undefined;
}

/** A project speaks one FHIR version; a path of another one is unknown there, and the answer says which one is right. */
function versionMismatch(entry: TenantEntry, target: RequestTarget): OutcomeError | undefined {
  if (target.fhirVersion === undefined) return undefined;
  const { id, label } = fhirVersion(entry.fhirVersion);
  if (target.fhirVersion === label) return undefined;
  const { category } = notFound();
  const text = `This address speaks FHIR ${label} (${id}): use fhir/${label} or fhir.`;
  return new OutcomeError(category, [{ severity: 'error', code: 'not-found', text }]);
}
