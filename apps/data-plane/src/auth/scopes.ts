/**
 * Scopes of a log-in (RFC 6749 section 3.3). They are granted as asked: what they mean for resources is the effective
 * policy's affair, to which a SMART scope can only take away (https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html).
 */
import { isSmartScope, isWithinScope } from '#access-policy';

const DEFAULT_SCOPE = 'openid';
const MAX_LENGTH = 2000;
/** RFC 6749 section 3.3: printable ASCII but the quotation mark and the backslash. */
const TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The scope to grant: what is asked for, each term once, or `defaults` when nothing is. Undefined when it is too long or
 * has characters that no scope has.
 */
export function grantedScope(requested: string | undefined, defaults: readonly string[] = []): string | undefined {
  const asked = termsOf(requested);
  const terms = asked.length === 0 ? termsOf(defaults.join(' ') || DEFAULT_SCOPE) : asked;
  const scope = terms.join(' ');
  return scope.length <= MAX_LENGTH && terms.every((term) => TOKEN.test(term)) ? scope : undefined;
}

/** Whether a scope asks for a refresh token. */
export function wantsRefresh(scope: string): boolean {
  return termsOf(scope).some((term) => term === 'offline' || term === 'offline_access');
}

/** Whether a term is one of the scope. */
export const hasScope = (scope: string, term: string): boolean => termsOf(scope).includes(term);

/**
 * `requested` if it asks for no more than `granted`, else undefined. Every term must be one of the granted ones, or a SMART
 * scope within one of them. Of the SMART scopes one must stay: without any, they would not limit at all.
 */
export function narrowedScope(granted: string, requested: string): string | undefined {
  const before = termsOf(granted);
  const after = termsOf(requested);
  const isWithin = (term: string) => before.some((other) => other === term || isWithinScope(term, other));
  if (after.length === 0 || !after.every(isWithin)) return undefined;
  if (before.some(isSmartScope) && !after.some(isSmartScope)) return undefined;
  return after.join(' ');
}

const termsOf = (scope: string | undefined): string[] => [
  ...new Set((scope ?? '').split(/\s+/).filter((term) => term !== '')),
];
