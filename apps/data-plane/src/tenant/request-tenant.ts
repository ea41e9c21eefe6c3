/**
 * The tenant of a request. It is set by the routing hook before any route runs, and every route asks for it here: a
 * request that was not routed to a tenant throws instead of falling back to anything.
 */
import type { FastifyRequest } from 'fastify';
import type { TenantEntry } from '#tenancy';
import type { Session } from '../auth/session.js';
import type { RequestTarget } from '../http/request-target.js';
import type { TenantRuntime } from './tenant-runtime.js';

export class RequestTenant {
  /** Set by the authentication guard; absent on public routes. */
  session: Session | undefined;
  /** Set where the project's keys are needed before there is a session. */
  runtime: TenantRuntime | undefined;

  constructor(
    readonly entry: TenantEntry,
    readonly target: RequestTarget,
  ) {}
}

export const requestTenantKey = Symbol('request tenant');

export interface TenantCarrier {
  [requestTenantKey]?: RequestTenant | null;
}

/** The tenant to which the request was routed; undefined for one that is refused, or is not for a tenant. */
export function findTenant(request: FastifyRequest): RequestTenant | undefined {
  return (request as TenantCarrier)[requestTenantKey] ?? undefined;
}

/** The tenant to which the request was routed. Throws when there is none. */
export function tenantOf(request: FastifyRequest): RequestTenant {
  const tenant = findTenant(request);
  if (tenant === undefined) throw new Error('There is no tenant in context: the request was not routed to a project.');
  return tenant;
}

/** The session of an authenticated request. Throws on a public route, where there is none. */
export function sessionOf(request: FastifyRequest): Session {
  const { session } = tenantOf(request);
  if (session === undefined) throw new Error('There is no session: the route was not guarded.');
  return session;
}

/** The runtime of a request that is being authenticated. Throws when nobody has opened it. */
export function runtimeOf(request: FastifyRequest): TenantRuntime {
  const { runtime } = tenantOf(request);
  if (runtime === undefined) throw new Error('The runtime of the project was not opened.');
  return runtime;
}
