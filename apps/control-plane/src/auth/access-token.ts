import { type KeyObject, randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { OperatorId } from '#control-database';
import { decodeJwt } from '#platform';

export const accessTokenSeconds = 60 * 60;

/** What an operator's access token must say of itself. `typ` keeps other JWTs under the same key from being taken for one. */
export const accessTokenForm = {
  algorithm: 'HS256',
  typ: 'at+jwt',
  issuer: 'boxyard-control-plane',
  audience: 'boxyard-control-plane',
} as const;

/** A JWT (RFC 9068, https://www.rfc-editor.org/rfc/rfc9068) for one operator, good for an hour from `now`. */
export function issueAccessToken(key: KeyObject, operatorId: OperatorId, now: Date): string {
  const { algorithm, typ, issuer, audience } = accessTokenForm;
  const issuedAt = Math.floor(now.getTime() / 1000);
  return jwt.sign({ iat: issuedAt, exp: issuedAt + accessTokenSeconds }, key, {
    algorithm,
    header: { alg: algorithm, typ },
    issuer,
    audience,
    subject: operatorId,
    jwtid: randomUUID(),
  });
}

/** Whether the token's header claims the one form we issue. The signature is checked after this. */
export function hasAccessTokenHeader(token: string): boolean {
  const header = decodeJwt(token)?.header;
  return header?.alg === accessTokenForm.algorithm && header.typ === accessTokenForm.typ;
}
