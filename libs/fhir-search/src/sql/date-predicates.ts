/**
 * The comparisons of search dates with the spans in the index (https://hl7.org/fhir/R4/search.html#prefix). Both are
 * half open: the search value covers [start, end), the resource [lower, upper).
 *
 * Each comparison comes in two forms: the exact one, and the bounds on `lower` and `upper` that follow from it and by
 * which an index can be entered. Rows that are not `irregular` are at most a day long and the only ones of their
 * resource and parameter. So for them `upper > x` implies `lower >= x - 1 day` and all comparisons of one parameter must
 * hold on the same row: `date=ge…&date=lt…` reads the rows between the two and no others. The few irregular rows are
 * entered by `upper` in an index of their own.
 */
import type { DateTest, Prefix } from '../search-request.js';
import { timestampText } from '../timestamp-text.js';
import type { Parameters } from './parameters.js';

const dayMs = 86_400_000;

/**
 * The predicates over `r` for all criteria on one date parameter. Within a criterion one test must hold, and the
 * criteria must all hold; several values of one resource may each satisfy another criterion.
 */
export function datePredicate(
  parameter: number,
  criteria: readonly (readonly DateTest[])[],
  parameters: Parameters,
): string[] {
  const number = parameters.add(parameter, 'int4');
  const texts = criteria.map((tests) => anyOf(tests.map((test) => spanPredicate(test, parameters))));
  const bounds = combine(criteria.map(criterionBounds));
  const regular = [...lowerBounds(bounds, parameters), ...texts].join(' AND ');
  const among = (rows: string) =>
    `r.id IN (SELECT x.resource_id FROM resource_date x WHERE x.parameter = ${number} AND ${rows})`;

  const [only] = texts;
  if (texts.length === 1 && only !== undefined) {
    if (bounds.upper === undefined) return [among(regular)];
    return [among(`(${regular} OR ${irregular(bounds.upper, only, parameters)})`)];
  }
  return criteria.map((tests, index) => {
    const own = texts[index] ?? 'false';
    return among(`((NOT x.irregular AND ${regular}) OR ${irregular(criterionBounds(tests).upper, own, parameters)})`);
  });
}

/** The column last_updated is a moment of one millisecond, so spans shrink to simple comparisons. */
export function lastUpdatedPredicate(tests: readonly DateTest[], parameters: Parameters): string {
  return anyOf(tests.map((test) => momentPredicate(test, parameters)));
}

function irregular(upper: number | undefined, exact: string, parameters: Parameters): string {
  const entry = upper === undefined ? '' : `x.upper > ${timestamp(upper, parameters)} AND `;
  return `(x.irregular AND ${entry}${exact})`;
}

function lowerBounds({ atLeast, below, upper }: Bounds, parameters: Parameters): string[] {
  const from = Math.max(atLeast ?? -Infinity, upper === undefined ? -Infinity : upper - dayMs);
  return [
    ...(from === -Infinity ? [] : [`x.lower >= ${timestamp(from, parameters)}`]),
    ...(below === undefined ? [] : [`x.lower < ${timestamp(below, parameters)}`]),
  ];
}

/** What every matching row satisfies: atLeast <= lower < below, and upper > `upper`. */
interface Bounds {
  readonly atLeast?: number | undefined;
  readonly below?: number | undefined;
  readonly upper?: number | undefined;
}

const boundsOf = {
  eq: ({ start, end }) => ({ atLeast: start, below: end }),
  ne: () => ({}),
  gt: ({ end }) => ({ upper: end }),
  ge: ({ start }) => ({ upper: start }),
  lt: ({ start }) => ({ below: start }),
  le: ({ end }) => ({ below: end }),
  sa: ({ end }) => ({ atLeast: end }),
  eb: ({ start }) => ({ below: start }),
  ap: ({ start, end }) => ({ upper: start, below: end }),
} satisfies Record<Prefix, (test: DateTest) => Bounds>;

/** Alternatives: only what holds for each of them. `sa` bounds `lower`, and with it `upper`. */
function criterionBounds(tests: readonly DateTest[]): Bounds {
  const all: Bounds[] = tests.map((test) => boundsOf[test.prefix](test));
  const onlyAtLeast = all.every(({ atLeast }) => atLeast !== undefined);
  return {
    atLeast: onlyAtLeast ? least(all.map(({ atLeast }) => atLeast)) : undefined,
    below: greatest(all.map(({ below }) => below)),
    upper: onlyAtLeast ? undefined : least(all.map(({ upper, atLeast }) => upper ?? atLeast)),
  };
}

/** Conditions that hold together: the narrowest of each. */
function combine(all: readonly Bounds[]): Bounds {
  const defined = (pick: (bounds: Bounds) => number | undefined) =>
    all.map(pick).filter((value) => value !== undefined);
  return {
    atLeast: greatest(defined(({ atLeast }) => atLeast)),
    below: least(defined(({ below }) => below)),
    upper: greatest(defined(({ upper }) => upper)),
  };
}

const least = (values: readonly (number | undefined)[]) => extreme(values, Math.min);
const greatest = (values: readonly (number | undefined)[]) => extreme(values, Math.max);

/** Undefined unless every value is there: a missing bound means that nothing is known. */
function extreme(values: readonly (number | undefined)[], choose: (...all: number[]) => number): number | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.length === 0 || present.length < values.length ? undefined : choose(...present);
}

function spanPredicate({ prefix, start, end }: DateTest, parameters: Parameters): string {
  const from = () => timestamp(start, parameters);
  const to = () => timestamp(end, parameters);
  switch (prefix) {
    case 'eq':
      return `(x.lower >= ${from()} AND x.upper <= ${to()})`;
    case 'ne':
      return `(x.lower < ${from()} OR x.upper > ${to()})`;
    case 'gt':
      return `x.upper > ${to()}`;
    case 'ge':
      return `(x.lower >= ${from()} OR x.upper > ${to()})`;
    case 'lt':
      return `x.lower < ${from()}`;
    case 'le':
      return `(x.lower < ${from()} OR x.upper <= ${to()})`;
    case 'sa':
      return `x.lower >= ${to()}`;
    case 'eb':
      return `x.upper <= ${from()}`;
    case 'ap':
      return `(x.lower < ${to()} AND x.upper > ${from()})`;
  }
}

function momentPredicate({ prefix, start, end }: DateTest, parameters: Parameters): string {
  const from = () => timestamp(start, parameters);
  const to = () => timestamp(end, parameters);
  switch (prefix) {
    case 'eq':
    case 'ap':
      return `(r.last_updated >= ${from()} AND r.last_updated < ${to()})`;
    case 'ne':
      return `(r.last_updated < ${from()} OR r.last_updated >= ${to()})`;
    case 'gt':
    case 'sa':
      return `r.last_updated >= ${to()}`;
    case 'ge':
      return `r.last_updated >= ${from()}`;
    case 'lt':
    case 'eb':
      return `r.last_updated < ${from()}`;
    case 'le':
      return `r.last_updated < ${to()}`;
  }
}

function anyOf(alternatives: readonly string[]): string {
  return alternatives.length === 1 ? (alternatives[0] ?? 'false') : `(${alternatives.join(' OR ')})`;
}

function timestamp(ms: number, parameters: Parameters): string {
  return parameters.add(timestampText(ms), 'timestamptz');
}
