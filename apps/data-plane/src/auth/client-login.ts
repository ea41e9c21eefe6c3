/**
 * A log-in with client credentials (RFC 6749 section 4.4): a Login resource is recorded, so that the token can be
 * revoked before it expires, and the answer has the form that MedplumClient expects.
 */
import { type JsonObject, readResource } from '#fhir';
import { systemPolicy } from '#access-policy';
import { ResourceRepository } from '#fhir-store';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { ACCESS_TOKEN_SECONDS, signAccessToken, signIdToken, type TokenSubject } from './access-token.js';
import type { NamedReference, Principal } from './session.js';

export interface LoginRequest {
  readonly principal: Principal;
  readonly scope: string;
  readonly issuer: string;
  readonly remoteAddress: string;
  readonly userAgent: string | undefined;
  readonly requestId: string;
}

export interface TokenAnswer {
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
  readonly access_token: string;
  readonly id_token?: string;
  readonly project: NamedReference;
  readonly profile: NamedReference;
}

const MAX_USER_AGENT_LENGTH = 200;

/** Records the log-in of a client that has proved its identity, and gives its tokens. */
export async function loginClient(runtime: TenantRuntime, login: LoginRequest): Promise<TokenAnswer> {
  const loginId = await recordLogin(runtime, login);
  const { principal, scope, issuer } = login;
  const subject: TokenSubject = { issuer, loginId, scope, principal };
  const { projectId, name } = runtime.entry;
  return {
    token_type: 'Bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
    scope,
    access_token: signAccessToken(runtime, subject),
    ...(scope.split(' ').includes('openid') ? { id_token: signIdToken(runtime, subject) } : {}),
    project: { reference: `Project/${projectId}`, display: name },
    profile: principal.profile,
  };
}

async function recordLogin(runtime: TenantRuntime, login: LoginRequest): Promise<string> {
  const { principal, scope, remoteAddress } = login;
  const client = { reference: `ClientApplication/${principal.clientId}` };
  const userAgent = printable(login.userAgent);
  const resource: JsonObject = {
    resourceType: 'Login',
    client,
    profileType: principal.profile.reference.split('/')[0],
    project: { reference: `Project/${runtime.entry.projectId}` },
    user: client,
    membership: { reference: `ProjectMembership/${principal.membershipId}` },
    scope,
    authMethod: 'client',
    authTime: new Date().toISOString(),
    granted: true,
    remoteAddress,
    ...(userAgent === '' ? {} : { userAgent }),
  };
  const repository = new ResourceRepository(runtime.database, {
    policy: systemPolicy('log-in of a client'),
    agent: client.reference,
    author: principal.profile,
    requestId: login.requestId,
  });
  const { version } = await repository.create(readResource(JSON.stringify(resource)));
  return version.id;
}

/** Ends a log-in: the rights epoch rises with it, so its tokens are refused from the next request on. */
export async function revokeLogin(
  runtime: TenantRuntime,
  loginId: string,
  agent: string,
  requestId: string,
): Promise<void> {
  const repository = new ResourceRepository(runtime.database, {
    policy: systemPolicy('log-out'),
    agent,
    requestId,
  });
  const { body } = await repository.read('Login', loginId);
  const revoked: JsonObject = { ...(JSON.parse(body) as JsonObject), revoked: true };
  await repository.update('Login', loginId, readResource(JSON.stringify(revoked)));
}

/** A header may hold bytes that no FHIR string may. */
function printable(text: string | undefined): string {
  return (text ?? '')
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, MAX_USER_AGENT_LENGTH)
    .trim();
}
