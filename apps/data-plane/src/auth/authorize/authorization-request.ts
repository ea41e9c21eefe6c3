/**
 * The authorization request of OAuth 2 (RFC 6749 section 4.1.1) with PKCE (RFC 7636), OpenID Connect and SMART App Launch.
 * What is wrong with the client or its address is shown on a page, because that address cannot be trusted; everything
 * else is told to the client there.
 */
import type { FastifyRequest } from 'fastify';
import type { LaunchContext } from '../launch/launch-context.js';
import type { ChallengeMethod } from '../login/pkce.js';
import { readChallenge } from '../login/pkce.js';
import type { RegisteredClient } from '../registered-client.js';
import { grantedScope } from '../scopes.js';

/** Parameters that go along from page to page. */
const KEPT_PARAMETERS = [
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'aud',
  'launch',
] as const;

/** What is wrong, as the client is told (RFC 6749 section 4.1.2.1). */
export interface AuthorizationProblem {
  readonly kind: 'problem';
  readonly error: string;
  readonly description: string;
}

export interface AuthorizationRequest {
  readonly kind: 'request';
  readonly scope: string;
  readonly nonce?: string;
  /** What the app was launched for. */
  readonly launch?: LaunchContext;
  readonly codeChallenge?: string;
  readonly codeChallengeMethod?: ChallengeMethod;
}

/** The query of a request as it was sent. */
export function queryOf(request: Pick<FastifyRequest, 'raw'>): URLSearchParams {
  const url = request.raw.url ?? '';
  const mark = url.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
}

/** The parameters that a form carries on. */
export function keptParameters(parameters: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(
    KEPT_PARAMETERS.flatMap((name) => {
      const value = parameters.get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** Schemes that run something in the browser instead of leading to the client. */
const UNSAFE_SCHEME = /^(?:javascript|data|vbscript|file|blob|about):/i;

/**
 * The address to which the answer goes: named in the request and registered by the client, compared as text (RFC 9700
 * section 2.1). Undefined when it is not.
 */
export function trustedRedirect(parameters: ReadonlyMap<string, string>, client: RegisteredClient): string | undefined {
  const address = parameters.get('redirect_uri');
  if (address === undefined || UNSAFE_SCHEME.test(address) || !URL.canParse(address)) return undefined;
  return client.redirectUris.includes(address) ? address : undefined;
}

/** Reads the rest of a request whose client and address are good. `audiences` are the FHIR base URLs of the project. */
export function readAuthorizationRequest(
  parameters: ReadonlyMap<string, string>,
  client: RegisteredClient,
  audiences: readonly string[],
): AuthorizationRequest | AuthorizationProblem {
  const refuse = (error: string, description: string): AuthorizationProblem => ({
    kind: 'problem',
    error,
    description,
  });
  if (parameters.get('response_type') !== 'code') return refuse('unsupported_response_type', 'Only code is supported.');
  if (parameters.has('request')) return refuse('request_not_supported', 'Request objects are not supported.');
  if (parameters.has('request_uri')) return refuse('request_uri_not_supported', 'Request objects are not supported.');
  const challenge = readChallenge(parameters.get('code_challenge'), parameters.get('code_challenge_method'));
  if (challenge === 'malformed') return refuse('invalid_request', 'The code challenge is malformed.');
  if (challenge === 'none' && !client.pkceOptional) return refuse('invalid_request', 'A code challenge is needed.');
  const audience = parameters.get('aud');
  if (audience !== undefined && !audiences.some((base) => withoutSlash(base) === withoutSlash(audience))) {
    return refuse('invalid_request', 'The audience is another FHIR server.');
  }
  const scope = grantedScope(parameters.get('scope'), client.defaultScope);
  if (scope === undefined) return refuse('invalid_scope', 'The scope is malformed.');
  if (parameters.get('prompt')?.split(' ').includes('none') === true) {
    return refuse('login_required', 'Somebody has to sign in.');
  }
  const nonce = parameters.get('nonce');
  return {
    kind: 'request',
    scope,
    ...(nonce === undefined ? {} : { nonce }),
    ...(typeof challenge === 'string' ? {} : challenge),
  };
}

/** The request with what its parameter `launch` stands for; a problem when that is no launch. */
export async function withLaunch(
  asked: AuthorizationRequest | AuthorizationProblem,
  parameters: ReadonlyMap<string, string>,
  find: (id: string) => Promise<LaunchContext | undefined>,
): Promise<AuthorizationRequest | AuthorizationProblem> {
  const id = parameters.get('launch');
  if (asked.kind === 'problem' || id === undefined) return asked;
  const launch = await find(id);
  if (launch !== undefined) return { ...asked, launch };
  return { kind: 'problem', error: 'invalid_request', description: 'There is no such launch, or it is over.' };
}

/** The client's address with an answer in its query; `iss` says who answers (RFC 9207). */
export function redirectTo(
  address: string,
  answer: Readonly<Record<string, string>>,
  state: string | undefined,
  issuer: string,
): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries({ ...answer, ...(state === undefined ? {} : { state }), iss: issuer })) {
    url.searchParams.set(name, value);
  }
  return url.href;
}

/** What a page's policy has to name so that its form may lead to the address: an origin, or the scheme of an app. */
export function formTargetOf(address: string): string {
  const { origin, protocol } = new URL(address);
  return origin === 'null' ? protocol : origin;
}

const withoutSlash = (url: string): string => url.replace(/\/$/, '');
