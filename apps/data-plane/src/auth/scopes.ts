/**
 * Scopes of a log-in (RFC 6749 section 3.3). They are granted as asked: what they mean for resources is the effective
 * policy's affair, to which a SMART scope can only take away (https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html).
 */
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
  const isWithin = (term: string) => before.some((other) => other === term || isNarrower(term, other));
  if (after.length === 0 || !after.every(isWithin)) return undefined;
  if (before.some(looksSmart) && !after.some(looksSmart)) return undefined;
  return after.join(' ');
}

const termsOf = (scope: string | undefined): string[] => [
  ...new Set((scope ?? '').split(/\s+/).filter((term) => term !== '')),
];

/** In any case, as the policy has it: what is written wrongly is a SMART scope that allows nothing, and not none. */
const looksSmart = (term: string): boolean => /^(?:patient|user|system)\//i.test(term);

interface SmartTerm {
  readonly context: string;
  readonly type: string;
  readonly letters: string;
  readonly query: string;
}

const NAMED_LETTERS: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };

function smartTerm(term: string): SmartTerm | undefined {
  const match = /^(patient|user|system)\/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?$/.exec(term);
  if (match === null) return undefined;
  const [, context = '', type = '', access = '', query = ''] = match;
  const letters = NAMED_LETTERS[access] ?? access;
  return letters === '' ? undefined : { context, type, letters, query };
}

function isNarrower(term: string, than: string): boolean {
  const [narrow, wide] = [smartTerm(term), smartTerm(than)];
  if (narrow === undefined || wide === undefined) return false;
  return (
    narrow.context === wide.context &&
    (wide.type === '*' || narrow.type === wide.type) &&
    [...narrow.letters].every((letter) => wide.letters.includes(letter)) &&
    (wide.query === '' || narrow.query === wide.query)
  );
}
