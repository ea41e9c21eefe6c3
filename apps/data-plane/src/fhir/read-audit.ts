/** What the routes tell the audit: what was read, whose data it was, and what was refused. It costs no round trip. */
import type { FastifyRequest } from 'fastify';
import { forbidden, OutcomeError } from '#fhir';
import {
  auditOrigin,
  denialRecorded,
  isDenialRecorded,
  subjectsOf,
  type AuditedResource,
  type AuditEntry,
  type ReadAudit,
  type ResourceRepository,
} from '#fhir-store';
import { findTenant, sessionOf } from '../tenant/request-tenant.js';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { runAsCaller } from './run-as-caller.js';

/** The resources in an answer, for `readAsCaller`: one, those of a page, or those of a history. */
export const theOne = (version: AuditedResource): readonly AuditedResource[] => [version];
export const allFound = ({
  hits,
  included,
}: {
  readonly hits: readonly AuditedResource[];
  readonly included: readonly AuditedResource[];
}): readonly AuditedResource[] => (included.length === 0 ? hits : [...hits, ...included]);

/**
 * Reads as the caller of the request, and records that `entity` was read, or that the caller had no right to. `shown` are
 * the resources of the answer.
 */
export function readAsCaller<T>(
  audit: ReadAudit,
  request: FastifyRequest,
  entity: string,
  work: (repository: ResourceRepository) => Promise<T>,
  shown: (result: T) => Iterable<AuditedResource>,
): Promise<T> {
  return recordingRead(audit, request, entity, () => runAsCaller(request, work), shown);
}

/** The same for what reads by itself. */
export async function recordingRead<T>(
  audit: ReadAudit,
  request: FastifyRequest,
  entity: string,
  work: () => Promise<T>,
  shown: (result: T) => Iterable<AuditedResource>,
): Promise<T> {
  try {
    const result = await work();
    recordRead(audit, request, entity, 'success', subjectsOf(shown(result)));
    return result;
  } catch (error) {
    if (error instanceof OutcomeError && error.category === 'forbidden') {
      recordRead(audit, request, entity, 'refused');
      denialRecorded(error);
    }
    throw error;
  }
}

/** Records a read of the caller of the request; `subjects` as `subjectsOf` gives them. */
export function recordRead(
  audit: ReadAudit,
  request: FastifyRequest,
  entity: string,
  outcome: AuditEntry['outcome'],
  subjects = '',
): void {
  const { runtime } = sessionOf(request);
  const { agent, membership, onBehalfOf, policy, requestId } = originOf(request);
  // Written out: every read makes one, and a spread costs many times as much.
  const entry = { agent, membership, onBehalfOf, policy, requestId, action: 'R', outcome, entity, subjects } as const;
  audit.record(runtime.database, entry);
}

/** Records that the caller of the request carried out an operation. */
export function recordExecution(audit: ReadAudit, request: FastifyRequest, entity: string): void {
  const { runtime } = sessionOf(request);
  audit.record(runtime.database, { ...originOf(request), action: 'E', outcome: 'success', entity });
}

/** Records that the caller of the request removed something that is no resource. */
export function recordRemoval(audit: ReadAudit, request: FastifyRequest, entity: string): void {
  const { runtime } = sessionOf(request);
  audit.record(runtime.database, { ...originOf(request), action: 'D', outcome: 'success', entity });
}

/** Records that the caller of the request was refused something before it began, and returns the 403 to throw. */
export function refused(
  audit: ReadAudit,
  request: FastifyRequest,
  action: AuditEntry['action'],
  entity: string,
): OutcomeError {
  const error = forbidden();
  const { runtime } = sessionOf(request);
  audit.record(runtime.database, { ...originOf(request), action, outcome: 'refused', entity });
  denialRecorded(error);
  return error;
}

/** Does what somebody asks who has proved to be `agent` and has no session yet; that it is refused (400) is recorded. */
export async function recordingRefusal<T>(
  audit: ReadAudit,
  request: FastifyRequest,
  { runtime, agent }: { readonly runtime: TenantRuntime; readonly agent: string },
  entity: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OutcomeError && error.category === 'invalid') {
      const detail = error.message;
      audit.record(runtime.database, { action: 'E', outcome: 'refused', agent, entity, detail, requestId: request.id });
    }
    throw error;
  }
}

/**
 * Records a refusal on its way to the client, unless it was recorded where it was made or nobody is logged in: whatever
 * route it comes from, no denial is missing in the audit.
 */
export function recordDenial(audit: ReadAudit, request: FastifyRequest, error: unknown): void {
  if (!(error instanceof OutcomeError) || error.category !== 'forbidden' || isDenialRecorded(error)) return;
  const session = findTenant(request)?.session;
  if (session === undefined) return;
  audit.record(session.runtime.database, {
    ...originOf(request),
    action: actions[request.method] ?? 'E',
    outcome: 'refused',
    entity: request.url.replace(/^\/(?:fhir\/?)?/, ''),
    detail: error.message,
  });
  denialRecorded(error);
}

/** What a method does where nothing else is known of the route. */
const actions: Readonly<Record<string, AuditEntry['action']>> = {
  GET: 'R',
  HEAD: 'R',
  PUT: 'U',
  PATCH: 'U',
  DELETE: 'D',
};

const originOf = (request: FastifyRequest) => auditOrigin(sessionOf(request).caller(request.id));
