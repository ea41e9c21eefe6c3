import type { FastifyRequest } from 'fastify';
import { notFound } from '#fhir';
import { sessionOf } from '../tenant/request-tenant.js';

/** Throws 404 for a type that the project's FHIR version does not have; to be asked before anybody reads the body. */
export function assertKnownType(request: FastifyRequest, type: string): void {
  if (!sessionOf(request).runtime.database.version.isResourceType(type)) throw notFound();
}
