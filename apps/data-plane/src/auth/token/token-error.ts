/** Errors of the token endpoint (RFC 6749 section 5.2). */
export type TokenErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type';

/** A refusal of the token endpoint; the endpoint answers it in OAuth's form. */
export class TokenError extends Error {
  override readonly name = 'TokenError';

  constructor(
    readonly code: TokenErrorCode,
    readonly description: string,
  ) {
    super(`${code}: ${description}`);
  }
}

/** A page of another origin than the client allows asks for tokens; its browser is not to show it the answer. */
export class ForeignOrigin extends TokenError {
  constructor() {
    super('invalid_request', 'The client does not allow pages of this origin.');
  }
}

/** The one answer to every code and refresh token that is not good, whatever the reason. */
export const invalidGrant = (): TokenError =>
  new TokenError('invalid_grant', 'The code or refresh token is not valid, has expired or was used already.');

/** The one answer to every client that cannot prove who it is. */
export const invalidClient = (): TokenError =>
  new TokenError('invalid_client', 'The client is unknown or its secret is wrong.');
