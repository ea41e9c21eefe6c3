/**
 * SMART scopes (https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html), versions 1 and 2. They only take
 * away: what a token may do is what both the policy and one of its scopes allow.
 */
import { escapeValue } from '#fhir-search';
import { compartmentCode, parseQueryTemplate, type CriteriaPair } from './templates/criteria-template.js';
import { allInteractions, interactionSet, type InteractionSet } from './rules/interaction-set.js';
import { isReferenceText } from './templates/variables.js';

/** What one scope allows. */
export interface ScopeTerm {
  /** A type, or `*`. */
  readonly type: string;
  readonly interactions: InteractionSet;
  /** What resources must satisfy besides. */
  readonly pairs: readonly CriteriaPair[];
  /** The query that says so, for people and clients to see. */
  readonly query: string;
  /** Whether it allows everything on all types. */
  readonly isEverything: boolean;
}

const letters: Readonly<Record<string, InteractionSet>> = {
  c: interactionSet(['create']),
  r: interactionSet(['read', 'vread', 'history']),
  u: interactionSet(['update']),
  d: interactionSet(['delete']),
  s: interactionSet(['search']),
};

const words: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };

const smartForm = /^(patient|user|system)\/(\*|[A-Z][A-Za-z]*)\.(read|write|\*|c?r?u?d?s?)(?:\?(.*))?$/s;

/** Whether a term of a scope is a SMART scope; one in the wrong case is one that allows nothing, and not none. */
export const isSmartScope = (term: string): boolean => /^(?:patient|user|system)\//i.test(term);

/** Whether `narrow` is a SMART scope that allows no more than another, `wide`, does; a malformed one is within none. */
export function isWithinScope(narrow: string, wide: string): boolean {
  const [inner, outer] = [parseTerm(narrow), parseTerm(wide)];
  if (inner === undefined || outer === undefined) return false;
  return (
    inner.level === outer.level &&
    (outer.type === '*' || inner.type === outer.type) &&
    (inner.interactions & ~outer.interactions) === 0 &&
    (outer.query === undefined || inner.query === outer.query)
  );
}

/**
 * What the SMART scopes in `scope` (terms between blanks) allow; undefined when there is none, and nothing is limited.
 * A malformed term allows nothing, and neither does `patient/…` without a `patient` (`Patient/1`).
 */
export function smartScopes(scope: string, patient: string | undefined): readonly ScopeTerm[] | undefined {
  const terms = scope.split(/\s+/).filter(isSmartScope);
  if (terms.length === 0) return undefined;
  return [...new Set(terms)].flatMap((term) => readTerm(term, patient) ?? []);
}

function readTerm(term: string, patient: string | undefined): ScopeTerm | undefined {
  const parsed = parseTerm(term);
  if (parsed === undefined) return undefined;
  const { level, type, interactions, pairs, query } = parsed;
  if (level !== 'patient') {
    const isEverything = type === '*' && interactions === allInteractions && pairs.length === 0;
    return { type, interactions, pairs, query: query ?? '', isEverything };
  }
  if (patient === undefined || !isReferenceText(patient)) return undefined;
  const chart: CriteriaPair = { name: compartmentCode, value: [escapeValue(patient)] };
  const queries = [`${compartmentCode}=${patient}`, ...(query === undefined ? [] : [query])];
  return { type, interactions, pairs: [chart, ...pairs], query: queries.join('&'), isEverything: false };
}

interface ParsedTerm extends Pick<ScopeTerm, 'type' | 'interactions' | 'pairs'> {
  readonly level: string;
  readonly query: string | undefined;
}

/** What a term says by itself; undefined for a malformed one. */
function parseTerm(term: string): ParsedTerm | undefined {
  const [, level, type = '', access = '', query] = smartForm.exec(term) ?? [];
  const allowed = [...(words[access] ?? access)];
  if (level === undefined || allowed.length === 0) return undefined;
  const pairs = query === undefined ? [] : literalPairs(query);
  if (pairs === undefined) return undefined;
  const interactions = allowed.reduce((set, letter) => set | (letters[letter] ?? 0), 0);
  return { level, type, interactions, pairs, query };
}

/** A scope has no variables: what looks like one makes the scope malformed. */
function literalPairs(query: string): readonly CriteriaPair[] | undefined {
  const pairs = parseQueryTemplate(query);
  if (typeof pairs === 'string') return undefined;
  return pairs.every(({ value }) => value.every((part) => typeof part === 'string')) ? pairs : undefined;
}
