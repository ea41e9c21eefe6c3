/**
 * Conditions as SQL predicates over the alias `r` of `resource`. Side tables are asked by `r.id IN (SELECT …)`, which
 * PostgreSQL plans from either side: it starts at the side table when that has few rows, and probes it per resource
 * when another condition has fewer.
 */
import { cutToIndex, normaliseText } from '../normalised-text.js';
import type { Condition } from '../search-plan.js';
import type { DateTest } from '../search-request.js';
import { datePredicate, lastUpdatedPredicate } from './date-predicates.js';
import type { Parameters } from './parameters.js';

/** One predicate for each thing that must hold. `type` is the placeholder of the resource type. */
export function predicates(where: readonly Condition[], parameters: Parameters): string[] {
  const all: string[] = [];
  // Tokens that must all be there are asked in one containment, which the index answers by one intersection.
  const required = where.flatMap((condition) => requiredToken(condition) ?? []);
  if (required.length > 0) all.push(`r.tok @> ${parameters.add([...new Set(required)], 'uuid[]')}`);
  for (const condition of where) {
    if (condition.kind !== 'date' && requiredToken(condition) === undefined) all.push(predicate(condition, parameters));
  }
  for (const [parameter, criteria] of datesByParameter(where)) {
    all.push(...datePredicate(parameter, criteria, parameters));
  }
  return all;
}

function requiredToken(condition: Condition): string | undefined {
  return condition.kind === 'token' && !condition.negated && condition.anyOf.length === 1
    ? condition.anyOf[0]
    : undefined;
}

function datesByParameter(where: readonly Condition[]): Map<number, DateTest[][]> {
  const groups = new Map<number, DateTest[][]>();
  for (const condition of where) {
    if (condition.kind !== 'date') continue;
    groups.set(condition.parameter, [...(groups.get(condition.parameter) ?? []), [...condition.tests]]);
  }
  return groups;
}

function predicate(condition: Exclude<Condition, { kind: 'date' }>, parameters: Parameters): string {
  switch (condition.kind) {
    case 'id':
      return `${condition.negated ? 'NOT ' : ''}r.fhir_id = ANY(${parameters.add(condition.ids, 'text[]')})`;
    case 'last-updated':
      return lastUpdatedPredicate(condition.tests, parameters);
    case 'token':
      return `${condition.negated ? 'NOT ' : ''}r.tok && ${parameters.add(condition.anyOf, 'uuid[]')}`;
    case 'reference':
      return (
        `r.id IN (SELECT x.resource_id FROM resource_reference x WHERE ${targetPredicate(condition.targets, parameters)}` +
        ` AND x.parameter = ${parameters.add(condition.parameter, 'int4')})`
      );
    case 'string':
      return `r.id IN (SELECT x.resource_id FROM ${stringRows(condition, parameters)})`;
  }
}

function targetPredicate(targets: readonly string[], parameters: Parameters): string {
  return targets.length === 1
    ? `x.target = ${parameters.add(targets[0], 'uuid')}`
    : `x.target = ANY(${parameters.add(targets, 'uuid[]')})`;
}

/** The rows `x` of resource_string that satisfy the condition, as the rest of a SELECT behind FROM. */
function stringRows(
  { parameter, match, values }: Extract<Condition, { kind: 'string' }>,
  parameters: Parameters,
): string {
  const number = parameters.add(parameter, 'int4');
  switch (match) {
    case 'exact': {
      const indexed = parameters.add(
        values.map((text) => cutToIndex(normaliseText(text))),
        'text[]',
      );
      const original = parameters.add(values, 'text[]');
      return `resource_string x WHERE x.parameter = ${number} AND x.value = ANY(${indexed}) AND x.original = ANY(${original})`;
    }
    case 'contains': {
      const pattern = parameters.add(
        values.map((text) => `%${escapeLike(text)}%`),
        'text[]',
      );
      // A long text is cut in `value`, so what is behind the cut is looked for in the text itself.
      const behindCut = `length(x.value) >= ${shortestCut} AND ${normalisedOriginal} LIKE ANY(${pattern})`;
      return `resource_string x WHERE x.parameter = ${number} AND (x.value LIKE ANY(${pattern}) OR (${behindCut}))`;
    }
    case 'prefix':
      return prefixRows(number, values, parameters);
  }
}

/** A cut value has 256 UTF-16 units, or 255 where the cut would split a pair: at least half as many characters. */
const shortestCut = 127;

const normalisedOriginal = `lower(regexp_replace(normalize(x.original, NFKD), '[\\u0300-\\u036f]', '', 'g'))`;

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** Prefixes as ranges of the index: from the prefix itself to the first text behind all that start with it. */
function prefixRows(number: string, values: readonly string[], parameters: Parameters): string {
  const [only] = values;
  if (values.length === 1 && only !== undefined) {
    const from = parameters.add(only, 'text');
    const to = parameters.add(behindPrefix(only), 'text');
    return `resource_string x WHERE x.parameter = ${number} AND x.value >= ${from} AND x.value < ${to}`;
  }
  // The ranges travel as two arrays, so that the statement has one text however many there are.
  const from = parameters.add(values, 'text[]');
  const to = parameters.add(values.map(behindPrefix), 'text[]');
  return (
    `unnest(${from}, ${to}) AS p(low, high) JOIN resource_string x ` +
    `ON x.parameter = ${number} AND x.value >= p.low AND x.value < p.high`
  );
}

/**
 * The texts of a column in collation "C" are ordered by the bytes of their UTF-8 form, which is the order of their code
 * points. U+10FFFF is the last of them and is no character, so it never follows the prefix in a text that has a meaning.
 */
function behindPrefix(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}
