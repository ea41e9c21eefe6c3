/**
 * Conditions as SQL predicates over the alias `r` of `resource`. Side tables are asked by `r.id IN (SELECT …)`, which
 * PostgreSQL plans from either side: it starts at the side table when that has few rows, and probes it per resource
 * when another condition has fewer.
 */
import { cutToIndex, normaliseText } from '../normalised-text.js';
import type { Condition } from '../search-plan.js';
import type { DateTest } from '../search-request.js';
import { joinPredicate } from './join-predicates.js';
import { numberPairPredicate, numberPredicates } from './number-predicates.js';
import { datePredicate, lastUpdatedPredicate } from './date-predicates.js';
import type { Parameters } from './parameters.js';
import type { StringCondition } from './plan-choice.js';

/** One predicate for each thing that must hold. `type` is the placeholder of the resource type. */
export function predicates(where: readonly Condition[], parameters: Parameters): string[] {
  const all: string[] = [];
  // Tokens that must all be there are asked in one containment, which the index answers by one intersection.
  const required = where.flatMap((condition) => requiredToken(condition) ?? []);
  if (required.length > 0) all.push(`r.tok @> ${parameters.add([...new Set(required)], 'uuid[]')}`);
  for (const condition of where) {
    if (isGrouped(condition) || requiredToken(condition) !== undefined) continue;
    all.push(predicate(condition, parameters));
  }
  all.push(
    ...numberPredicates(
      where.filter((condition) => condition.kind === 'number'),
      parameters,
    ),
  );
  for (const [parameter, criteria] of datesByParameter(where)) {
    all.push(...datePredicate(parameter, criteria, parameters));
  }
  return all;
}

/** Conditions of which several on one parameter are asked together. */
type GroupedCondition = Extract<Condition, { kind: 'date' | 'number' }>;

const isGrouped = (condition: Condition): condition is GroupedCondition =>
  condition.kind === 'date' || condition.kind === 'number';

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

function predicate(condition: Exclude<Condition, GroupedCondition>, parameters: Parameters): string {
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
        ` AND ${parameterPredicate(condition.parameters, parameters)})`
      );
    case 'string':
      return `r.id IN (SELECT x.resource_id FROM ${stringRows(condition, parameters)})`;
    case 'number-pair':
      return numberPairPredicate(condition, parameters);
    case 'words':
      return `r.id IN (SELECT x.resource_id FROM resource_text x WHERE x.words @@ ${parameters.add(condition.query, 'tsquery')})`;
    case 'filter':
      return filterPredicate(condition.condition, parameters);
    case 'and':
    case 'or':
    case 'not':
    case 'nothing':
    case 'of-types':
    case 'refers-to':
    case 'referred-from':
    case 'linked':
    case 'target-of':
      return joinPredicate(condition, parameters, predicates);
  }
}

/**
 * The predicate in a form into which no index is entered: PostgreSQL looks for no index behind IS TRUE, and does not turn
 * a subquery that gives one value into a join.
 */
function filterPredicate(condition: Condition, parameters: Parameters): string {
  if (condition.kind === 'token') {
    return `${condition.negated ? 'NOT ' : ''}(r.tok && ${parameters.add(condition.anyOf, 'uuid[]')}) IS TRUE`;
  }
  if (condition.kind === 'reference') {
    const target = targetPredicate(condition.targets, parameters);
    const rows = `x.resource_id = r.id AND ${target} AND ${parameterPredicate(condition.parameters, parameters)}`;
    return `(SELECT true FROM resource_reference x WHERE ${rows} LIMIT 1) IS TRUE`;
  }
  if (condition.kind === 'not') return `NOT ${filterPredicate(condition.condition, parameters)}`;
  if ((condition.kind !== 'and' && condition.kind !== 'or') || condition.conditions.length === 0) {
    return `(${predicates([condition], parameters).join(' AND ')})`;
  }
  const each = condition.conditions.map((part) => filterPredicate(part, parameters));
  return `(${each.join(condition.kind === 'and' ? ' AND ' : ' OR ')})`;
}

function targetPredicate(targets: readonly string[], parameters: Parameters): string {
  return targets.length === 1
    ? `x.target = ${parameters.add(targets[0], 'uuid')}`
    : `x.target = ANY(${parameters.add(targets, 'uuid[]')})`;
}

function parameterPredicate(numbers: readonly number[], parameters: Parameters): string {
  return numbers.length === 1
    ? `x.parameter = ${parameters.add(numbers[0], 'int4')}`
    : `x.parameter = ANY(${parameters.add(numbers, 'int4[]')})`;
}

/** The rows `x` of resource_string that satisfy the condition, as the rest of a SELECT behind FROM. */
export function stringRows({ parameter, match, values }: StringCondition, parameters: Parameters): string {
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
    case 'words': {
      const alternatives = values.map((words) => {
        const patterns = words.split(' ').map((word) => `% ${word} %`);
        return `${separateWords} LIKE ALL(${parameters.add(patterns, 'text[]')})`;
      });
      return `resource_string x WHERE x.parameter = ${number} AND (${alternatives.join(' OR ')})`;
    }
    case 'prefix':
      return prefixRows(number, values, parameters);
  }
}

/** A cut value has 256 UTF-16 units, or 255 where the cut would split a pair: at least half as many characters. */
const shortestCut = 127;

const normalisedOriginal = `lower(regexp_replace(normalize(x.original, NFKD), '[\\u0300-\\u036f]', '', 'g'))`;

/** The words of a text between blanks; the collation knows the letters of all scripts. */
const separateWords =
  `' ' || regexp_replace(CASE WHEN length(x.value) >= ${shortestCut} THEN ${normalisedOriginal} ELSE x.value END` +
  ` COLLATE "pg_c_utf8", '[^[:alnum:]]+', ' ', 'g') || ' '`;

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
