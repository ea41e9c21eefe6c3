/** What a log-in remembers from its first request until its tokens are given, and for their renewal. */
import type { FastifyRequest } from 'fastify';
import { type LoginProof, type StoredResource, userIdOf } from '#fhir-store';
import { type LaunchContext, launchedFor } from '../launch/launch-context.js';
import type { ChallengeMethod } from './pkce.js';

export interface LoginDetails {
  /** `User/<id>` */
  readonly user: string;
  /** Of the password that was right: the log-in goes on as long as it is the person's. */
  readonly passwordMark: string;
  /**
   * Of the second factor of which a code was right, or which was set up in this log-in, how often the person's factor had
   * been changed: another one has another number.
   */
  readonly shownFactor?: number;
  /** Id of the chosen ProjectMembership; absent until one is chosen. */
  readonly membership?: string;
  /** Id of the ClientApplication through which the person logs in. */
  readonly client?: string;
  readonly scope: string;
  /** For what the app was launched through which the person logs in. */
  readonly launch?: LaunchContext;
  readonly nonce?: string;
  readonly codeChallenge?: string;
  readonly codeChallengeMethod?: ChallengeMethod;
  /** Where the authorization endpoint sends the code; whoever exchanges it must name the same address. */
  readonly redirectUri?: string;
  /** A refresh token is wanted, whatever the scope says. */
  readonly remember: boolean;
  /** Only memberships whose profile has this type can be chosen. */
  readonly profileType?: string;
  /** The person is about to get a first membership, by registering. */
  readonly registering?: boolean;
  /** Instant at which the password was right. */
  readonly authTime: string;
  readonly remoteAddress: string;
  readonly userAgent?: string;
}

/** How long a log-in may take from the password to the tokens. */
export const PENDING_LOGIN_SECONDS = 3600;
/** RFC 6749 section 4.1.2 recommends ten minutes at most. */
export const CODE_SECONDS = 600;

const MAX_USER_AGENT_LENGTH = 200;

/** What a User-Agent header says, as far as a FHIR string can: undefined when nothing is left. */
export function printableUserAgent(header: string | undefined): string | undefined {
  const text = (header ?? '')
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, MAX_USER_AGENT_LENGTH)
    .trim();
  return text === '' ? undefined : text;
}

/** When and from where a log-in begins that the request begins. */
export function beginning({
  ip,
  headers,
}: Pick<FastifyRequest, 'ip' | 'headers'>): Pick<LoginDetails, 'authTime' | 'remoteAddress' | 'userAgent'> {
  const userAgent = printableUserAgent(headers['user-agent']);
  return {
    authTime: new Date().toISOString(),
    remoteAddress: ip,
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}

/** The password with which a log-in began and the factor it has shown, as `grantLogin` and `isMarkCurrent` ask for them. */
export const proofOf = ({ user, passwordMark, shownFactor }: LoginDetails): LoginProof => ({
  userId: userIdOf(user),
  mark: passwordMark,
  ...(shownFactor === undefined ? {} : { shownFactor }),
});

/** The Login resource of a log-in whose membership is known. */
export function loginResource(
  id: string,
  projectId: string,
  details: Omit<LoginDetails, 'passwordMark'> & { readonly membership: string },
  profileType: string,
): StoredResource {
  const { client, nonce, userAgent } = details;
  const { patient } = launchedFor(details.scope, details.launch);
  return {
    resourceType: 'Login',
    id,
    ...(client === undefined ? {} : { client: { reference: `ClientApplication/${client}` } }),
    profileType,
    project: { reference: `Project/${projectId}` },
    user: { reference: details.user },
    membership: { reference: `ProjectMembership/${details.membership}` },
    scope: details.scope,
    // To the chart of this patient the scopes `patient/…` are limited.
    ...(patient === undefined ? {} : { launch: { reference: patient } }),
    authMethod: details.user.startsWith('User/') ? 'password' : 'client',
    authTime: details.authTime,
    ...(details.codeChallenge === undefined || details.codeChallengeMethod === undefined
      ? {}
      : { codeChallenge: details.codeChallenge, codeChallengeMethod: details.codeChallengeMethod }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(details.shownFactor !== undefined ? { mfaVerified: true } : {}),
    granted: true,
    remoteAddress: details.remoteAddress,
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}
