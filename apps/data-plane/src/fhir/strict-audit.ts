import type { FastifyInstance } from 'fastify';
import type { ReadAudit } from '#fhir-store';
import { findTenant } from '../tenant/request-tenant.js';

/**
 * Holds every answer back until what was recorded for its project is written, so that nobody ever sees data without a
 * trace (AUDIT_READS=strict). When the audit cannot be written, the answer is 503 instead. Requests that wait at the same
 * time share a statement.
 */
export function awaitAudit(fastify: FastifyInstance, audit: Pick<ReadAudit, 'written'>): void {
  fastify.addHook('onSend', async (request, reply, payload) => {
    const tenant = findTenant(request);
    // A content that is given out by a signed address has a project and no session.
    const database = (tenant?.session?.runtime ?? tenant?.runtime)?.database;
    // The answer that says so is no answer about data.
    if (database !== undefined && reply.statusCode !== 503) await audit.written(database);
    return payload;
  });
}
