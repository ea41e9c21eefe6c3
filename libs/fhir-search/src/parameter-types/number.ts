/**
 * Number parameters (https://hl7.org/fhir/R4/search.html#number). The number in the resource is taken as exact; the one
 * in the search stands for a range by its digits, unless its prefix compares exactly.
 */
import type { TypedValue } from '#fhir';
import { decimalSpan } from '../decimal.js';
import { numberBounds } from '../number-bounds.js';
import { anyScope, anyUnit, scopeText } from '../number-scopes.js';
import type { Criterion, NumberTest, Prefix } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { badValue, modifierNotSupported, type ParameterType } from './parameter-type.js';

type NumberCriterion = Extract<Criterion, { kind: 'number' }>;

export const number: ParameterType<NumberCriterion> = {
  parse({ code, key, indexKeys }, modifier, values) {
    if (modifier !== undefined) throw modifierNotSupported(code, modifier);
    const tests = values.map((value) => parseNumberTest(code, unescapeValue(value)));
    return { kind: 'number', parameter: { code, key, indexKeys }, tests };
  },

  toCondition({ parameter, tests }) {
    const ends = tests.flatMap(numberBounds);
    const anyOf = parameter.indexKeys.flatMap((key) =>
      ends.map((bounds) => ({ parameter: key, scope: anyScope, ...bounds, marks: [] })),
    );
    return { kind: 'number', anyOf };
  },

  index(_parameter, values, writer) {
    for (const value of values) {
      const found = numberOf(value);
      if (found !== undefined) writer.number({ scope: scopeText(anyUnit), lower: found, upper: found, marks: [] });
    }
  },
};

/** The number that an integer or decimal element holds. */
export function numberOf({ value }: TypedValue): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Reads a number with its prefix, such as `gt5.40`. Throws an OutcomeError for anything else. */
export function parseNumberTest(parameter: string, text: string): NumberTest {
  const prefixed = /^(eq|ne|gt|ge|lt|le|sa|eb|ap)(?=[-+\d])/.exec(text)?.[0];
  const prefix = (prefixed ?? 'eq') as Prefix;
  const span = decimalSpan(text.slice(prefixed?.length ?? 0));
  if (span === undefined) throw badValue(parameter, text, 'expected a number like 100, 5.40 or 1e2');
  if (prefix !== 'ap') return { prefix, ...span };
  // "Approximately" is the standard's own suggestion, a tenth of the value, and never less than its digits leave open.
  const slack = Math.abs(span.value) / 10;
  const { value, start, end } = span;
  return { prefix, value, start: Math.min(start, value - slack), end: Math.max(end, value + slack) };
}
