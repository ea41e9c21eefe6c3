import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { operatorRoles, type OperatorId, type OperatorRole } from '#control-database';

/** Who sent the request. */
export interface Caller {
  operatorId: OperatorId;
  /** `operator:<id>` after a login, `key:<id>` with an API key: the name under which acts are recorded. */
  actor: string;
  /** The operator's role, or the lesser one of the API key. */
  role: OperatorRole;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller?: Caller;
  }
}

/** The caller that the guard has found. Throws on a public route, where there is none. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === undefined) throw new Error(`${request.method} ${request.routeOptions.url} has no caller.`);
  return request.caller;
}

/** Gives a controller's method the caller. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** The operator behind the caller, whichever credentials were used: the creator of what the caller creates. */
export function operatorName({ operatorId }: Pick<Caller, 'operatorId'>): string {
  return `operator:${operatorId}`;
}

/** Whether the caller is signed in; else it is an API key. */
export function isSignedIn(caller: Caller): boolean {
  return caller.actor === operatorName(caller);
}

/** The lesser of two roles. */
export function lesserRole(one: OperatorRole, other: OperatorRole): OperatorRole {
  return includesRole(one, other) ? other : one;
}

/** Whether `role` may do all that `other` may. */
export function includesRole(role: OperatorRole, other: OperatorRole): boolean {
  return operatorRoles.indexOf(role) <= operatorRoles.indexOf(other);
}

/** Why a role may not send a request of this method to a route that needs `needed`; undefined when it may. Auditors read. */
export function roleProblem(role: OperatorRole, needed: OperatorRole, method: string): string | undefined {
  if (role === 'auditor' && method !== 'GET' && method !== 'HEAD') return 'The role auditor may only read.';
  return includesRole(role, needed) ? undefined : `This needs the role ${needed}; yours is ${role}.`;
}
