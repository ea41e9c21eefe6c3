import type { FastifyRequest } from 'fastify';
import type { ReadAudit } from '#fhir-store';
import { recordingRefusal } from '../../fhir/read-audit.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import type { FactorStep, LoginAnswer, LoginFlow } from '../login/login-flow.js';

interface CodeForLogin {
  readonly login: string;
  readonly step: FactorStep;
  readonly code: string;
}

const ENTITIES = { code: 'auth/mfa/verify', enrolment: 'auth/mfa/login-enroll' } as const;

/** Gives a log-in the code for which it waits, recorded in the audit either way. Throws as `LoginFlow.giveCode`. */
export async function giveCode(
  flow: LoginFlow,
  audit: ReadAudit,
  request: FastifyRequest,
  runtime: TenantRuntime,
  { login, step, code }: CodeForLogin,
): Promise<LoginAnswer> {
  const { user: agent } = await flow.pending(runtime, login);
  const entity = ENTITIES[step];
  const given = { step, code, address: request.ip, requestId: request.id };
  const answer = await recordingRefusal(audit, request, { runtime, agent }, entity, () =>
    flow.giveCode(runtime, login, given),
  );
  audit.record(runtime.database, { action: 'E', outcome: 'success', agent, entity, requestId: request.id });
  return answer;
}
