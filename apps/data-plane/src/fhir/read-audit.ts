import type { FastifyRequest } from 'fastify';
import { OutcomeError } from '#fhir';
import type { AuditEntry, ReadAudit, ResourceRepository } from '#fhir-store';
import { sessionOf } from '../tenant/request-tenant.js';
import { runAsCaller } from './run-as-caller.js';

/** Reads as the caller of the request, and records that `entity` was read, or that the caller had no right to. */
export async function readAsCaller<T>(
  audit: ReadAudit,
  request: FastifyRequest,
  entity: string,
  work: (repository: ResourceRepository) => Promise<T>,
): Promise<T> {
  try {
    const result = await runAsCaller(request, work);
    recordRead(audit, request, entity, 'success');
    return result;
  } catch (error) {
    if (error instanceof OutcomeError && error.category === 'forbidden') recordRead(audit, request, entity, 'refused');
    throw error;
  }
}

/** Records a read of the caller of the request; it costs no round trip. */
export function recordRead(
  audit: ReadAudit,
  request: FastifyRequest,
  entity: string,
  outcome: AuditEntry['outcome'],
): void {
  const { runtime, current } = sessionOf(request);
  audit.record(runtime.database, {
    action: 'R',
    outcome,
    agent: current.profile.reference,
    entity,
    requestId: request.id,
  });
}

/** Records that the caller of the request was refused a write before it began. */
export function recordRefusal(
  audit: ReadAudit,
  request: FastifyRequest,
  action: AuditEntry['action'],
  entity: string,
): void {
  const { runtime, current } = sessionOf(request);
  audit.record(runtime.database, {
    action,
    outcome: 'refused',
    agent: current.profile.reference,
    entity,
    requestId: request.id,
  });
}
