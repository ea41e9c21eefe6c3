import type { FastifyRequest } from 'fastify';
import { shownPartsOf, type ShownParts } from '#fhir-search';
import { sessionOf } from '../tenant/request-tenant.js';
import { queryOf } from './query.js';
import { searchHandling } from './request-headers.js';

const all: ShownParts = { kind: 'all' };

/**
 * What of a resource of `type` a read wants to be shown: `_summary` and `_elements` are for reads too
 * (https://hl7.org/fhir/R4/http.html#read). Throws an OutcomeError for values that they do not take.
 */
export function partsAsked(request: FastifyRequest, type: string): ShownParts {
  // Nearly all reads have no query, and nothing is read then.
  if (request.raw.url?.includes('?') !== true) return all;
  const { version } = sessionOf(request).runtime.database;
  return shownPartsOf(version, type, queryOf(request), searchHandling(request.headers));
}
