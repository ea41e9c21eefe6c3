/**
 * Scopes of a token request. What does not limit (OpenID Connect's own, launch contexts) is granted as asked. SMART
 * scopes limit what a token may do; as long as that is not evaluated, a request for one is refused: a token must never
 * be able to do more than its client asked for.
 */
const UNLIMITING = new Set([
  'openid',
  'profile',
  'email',
  'phone',
  'address',
  'fhirUser',
  'launch',
  'offline',
  'offline_access',
  'online_access',
]);

const DEFAULT_SCOPE = 'openid';

/** The scope to grant, or undefined when the request asks for one that cannot be granted. */
export function grantedScope(requested: string | undefined): string | undefined {
  const scopes = (requested ?? '').split(/\s+/).filter((scope) => scope !== '');
  if (scopes.length === 0) return DEFAULT_SCOPE;
  return scopes.every((scope) => UNLIMITING.has(scope) || scope.startsWith('launch/')) ? scopes.join(' ') : undefined;
}
