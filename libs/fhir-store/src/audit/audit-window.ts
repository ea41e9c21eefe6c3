/**
 * What of a search's criteria the audit has an index for: when, and who, for whom, what or whose. The rows of the window
 * hold all that satisfy the criteria and others besides, which are judged one by one.
 */
import type { Criterion, DateTest } from '#fhir-search';
import type { AuditWindow } from './audit-rows.sql.js';

/** The parameters that are about references which the index knows. */
const referenceCodes: ReadonlySet<string> = new Set(['agent', 'entity', 'patient']);
const reference = /^([A-Z][A-Za-z]{0,63}\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/.*)?$/;

/** The window that holds every row of which all `criteria` can hold. */
export function auditWindow(criteria: readonly Criterion[]): AuditWindow {
  const spans = criteria.map(spanOf);
  const from = Math.max(...spans.map(({ start }) => start), -Infinity);
  const until = Math.min(...spans.map(({ end }) => end), Infinity);
  return {
    from: moment(from, '-infinity'),
    until: moment(until, 'infinity'),
    keys: criteria.map(keysOf).filter((keys) => keys !== undefined),
    deniedOnly: criteria.some(excludesSuccess),
    deletionsOnly: criteria.some(isDeletion),
  };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const always: Span = { start: -Infinity, end: Infinity };

/** The moments at which the criterion can hold; `end` is included. */
function spanOf(criterion: Criterion): Span {
  const { kind } = criterion;
  if (kind === 'last-updated' || (kind === 'date' && criterion.parameter.code === 'date')) {
    return aroundAll(criterion.tests.map(spanOfTest));
  }
  if (kind === 'or') return aroundAll(criterion.criteria.map(spanOf));
  if (kind !== 'and') return always;
  return criterion.criteria
    .map(spanOf)
    .reduce((one, other) => ({ start: Math.max(one.start, other.start), end: Math.min(one.end, other.end) }), always);
}

function spanOfTest({ prefix, start, end }: DateTest): Span {
  switch (prefix) {
    case 'eq':
    case 'ap':
      return { start, end };
    case 'ge':
    case 'gt':
    case 'sa':
      return { start, end: Infinity };
    case 'le':
    case 'lt':
    case 'eb':
      return { start: -Infinity, end };
    case 'ne':
      return always;
  }
}

const aroundAll = (spans: readonly Span[]): Span => ({
  start: Math.min(...spans.map(({ start }) => start)),
  end: Math.max(...spans.map(({ end }) => end)),
});

/** References one of which a row must be about; undefined when the criterion says nothing of the kind. */
function keysOf(criterion: Criterion): readonly string[] | undefined {
  const { kind } = criterion;
  if (kind === 'compartment') return known([criterion.owner]);
  if (kind === 'reference' && referenceCodes.has(criterion.parameter.code)) return known(criterion.targets);
  if (kind === 'token' && criterion.parameter.code === '_compartment' && !criterion.negated) {
    const codes = criterion.values.map(({ code = '' }) => code);
    // An id by itself is in no index: it may be of any type.
    return codes.every((code) => reference.test(code)) ? codes : undefined;
  }
  if (kind === 'and') return criterion.criteria.map(keysOf).find((keys) => keys !== undefined);
  if (kind !== 'or') return undefined;
  const keys = criterion.criteria.map(keysOf);
  return keys.some((one) => one === undefined) ? undefined : keys.flatMap((one) => one ?? []);
}

/** Without their versions. What is no reference to a resource of the project is in no row. */
const known = (targets: readonly string[]): string[] => targets.flatMap((target) => reference.exec(target)?.[1] ?? []);

function excludesSuccess(criterion: Criterion): boolean {
  if (criterion.kind !== 'token' || criterion.parameter.code !== 'outcome' || criterion.negated) return false;
  return criterion.values.every(({ code }) => code !== undefined && code !== '0');
}

function isDeletion(criterion: Criterion): boolean {
  if (criterion.kind !== 'token' || criterion.parameter.code !== 'action' || criterion.negated) return false;
  return criterion.values.every(({ code }) => code === 'D');
}

/** Years beyond what the database knows are open ends. */
const furthest = 8e15;
const moment = (time: number, open: string): string =>
  Number.isFinite(time) && Math.abs(time) < furthest ? plainMoment(time, open) : open;

function plainMoment(time: number, open: string): string {
  const text = new Date(time).toISOString();
  // A sign means a year of more than four digits, or one before Christ: no row is from then.
  return /^\d/.test(text) ? text : open;
}
