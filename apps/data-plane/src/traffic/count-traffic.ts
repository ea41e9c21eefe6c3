import type { FastifyInstance } from 'fastify';
import { findTenant } from '../tenant/request-tenant.js';
import type { TrafficCounters } from './traffic-counters.js';

/** Counts every request that was routed to a project when its answer has ended. */
export function countTraffic(fastify: FastifyInstance, counters: TrafficCounters): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const tenant = findTenant(request);
    if (tenant !== undefined) counters.count(tenant.entry.projectId, reply.statusCode, reply.elapsedTime);
    done();
  });
}
