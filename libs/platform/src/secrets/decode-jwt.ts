import jwt from 'jsonwebtoken';

/** What a JWT says of itself and of its subject. Nobody has verified any of it. */
export interface UnverifiedJwt {
  readonly header: jwt.JwtHeader;
  readonly payload: jwt.JwtPayload;
}

/** Reads a JWT without verifying it; undefined for a text that is none, whatever is wrong with it. */
export function decodeJwt(token: string): UnverifiedJwt | undefined {
  const decoded = decodeOrNull(token);
  // The declarations leave out that the payload may be any JSON, such as null.
  const payload: unknown = decoded?.payload;
  if (decoded === null || typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  return { header: decoded.header, payload };
}

function decodeOrNull(token: string): jwt.Jwt | null {
  try {
    return jwt.decode(token, { complete: true });
  } catch {
    // The library returns null for some texts and throws for others, such as a payload that is no JSON.
    return null;
  }
}
