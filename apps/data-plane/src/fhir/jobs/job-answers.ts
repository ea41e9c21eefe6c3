import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationOutcome } from '#fhir';
import type { StoredJob } from '#fhir-store';
import { sendText } from '../../http/send.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { CACHE_CONTROL } from '../version-answer.js';

const ASK_AGAIN_SECONDS = 1;

/**
 * Answers 202 for a job that has not ended (https://hl7.org/fhir/uv/bulkdata/export.html#response---in-progress-status);
 * false, with nothing answered, for one that has.
 */
export function answerUnfinished(
  request: FastifyRequest,
  reply: FastifyReply,
  { state, progress }: StoredJob,
): boolean {
  void reply.header('cache-control', CACHE_CONTROL);
  if (state === 'completed' || state === 'failed') return false;
  const told = progress || (state === 'accepted' ? 'waiting' : 'working');
  void reply.header('x-progress', told).header('retry-after', String(ASK_AGAIN_SECONDS));
  void sendText(request, reply, 202, informational('accepted', `In progress: ${told}`));
  return true;
}

/** What a job that has ended is answered. */
export function jobResult(
  { jobTexts }: Pick<TenantRuntime, 'jobTexts'>,
  { id, result, resultStatus }: StoredJob,
): { readonly status: number; readonly text: string } {
  if (result === null || resultStatus === null) throw new Error(`The job ${id} has ended without a result.`);
  return { status: resultStatus, text: jobTexts.open(id, 'result', result) };
}

/** Answers that a job was cancelled or, when it had ended, that what was kept of it is removed. */
export function answerCancelled(
  request: FastifyRequest,
  reply: FastifyReply,
  hadEnded: boolean | undefined,
): void | Promise<void> {
  const text =
    hadEnded === true ? 'The request had ended. What was kept of it is removed.' : 'The request was cancelled.';
  return sendText(request, reply, 202, informational('accepted', text));
}

const informational = (id: string, text: string): string =>
  JSON.stringify(operationOutcome(id, [{ severity: 'information', code: 'informational', text }]));
