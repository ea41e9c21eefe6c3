import type { FastifyRequest } from 'fastify';
import type { Presentation } from '#fhir-store';
import type { BaseUrls } from '../tenant/base-urls.js';
import { tenantOf } from '../tenant/request-tenant.js';
import { wantsExtendedMeta } from './request-headers.js';

/** How the answer to a request shows resources: with which addresses and which members of `meta`. */
export function presentationOf(request: FastifyRequest, baseUrls: BaseUrls): Presentation {
  return {
    baseUrl: baseUrls.fhirBaseOfRequest(request, tenantOf(request)),
    extended: wantsExtendedMeta(request.headers),
  };
}
