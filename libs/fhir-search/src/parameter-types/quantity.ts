/**
 * Quantity parameters (https://hl7.org/fhir/R4/search.html#quantity): `5.4`, `5.4||mg` (the code or the unit's text) or
 * `5.4|system|code`, each with a prefix. A quantity stands in the index as it is written and, if its unit is of UCUM, in
 * base units, so that it is found in whatever unit is asked; see `../units/ucum.ts` for those that cannot be converted.
 */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import { nextDown, nextUp } from '../decimal.js';
import { numberBounds, type EndBounds } from '../number-bounds.js';
import { anyScope, anyUnit, exactUnit, kindOfUnit, scopeText, unitMark, type UnitScope } from '../number-scopes.js';
import type { Criterion, NumberTest, QuantityTest } from '../search-request.js';
import { canonicalUnit, ucumSystem } from '../units/ucum.js';
import { splitUnescaped, unescapeValue } from '../value-text.js';
import { parseNumberTest } from './number.js';
import { badValue, modifierNotSupported, type ParameterType } from './parameter-type.js';
import { sampledBounds } from './sampled-data.js';

type QuantityCriterion = Extract<Criterion, { kind: 'quantity' }>;

export const quantity: ParameterType<QuantityCriterion> = {
  parse({ code, key, indexKeys }, modifier, values) {
    if (modifier !== undefined) throw modifierNotSupported(code, modifier);
    const tests = values.map((value) => parseQuantityTest(code, value));
    return { kind: 'quantity', parameter: { code, key, indexKeys }, tests };
  },

  toCondition({ parameter, tests }, hasher) {
    const ends = tests.flatMap(quantityBounds);
    const anyOf = parameter.indexKeys.flatMap((key) =>
      ends.map(({ unit, marks, lower, upper }) => {
        const scope = scopeText(unit);
        return {
          parameter: key,
          scope: scope === undefined ? anyScope : hasher.hash(scope),
          lower,
          upper,
          marks: marks.map((mark) => hasher.hash(mark)),
        };
      }),
    );
    return { kind: 'number', anyOf };
  },

  index(_parameter, values, writer) {
    for (const { unit, ...entry } of values.flatMap(quantityEntries)) {
      writer.number({ ...entry, scope: scopeText(unit) });
    }
  },
};

/** Reads a quantity with its prefix. Throws an OutcomeError for one that has no number or half a unit. */
export function parseQuantityTest(parameter: string, text: string): QuantityTest {
  const [number = '', system, code, ...rest] = splitUnescaped(text, '|').map(unescapeValue);
  const test = parseNumberTest(parameter, number);
  if (system === undefined) return test;
  if (code === undefined || code === '' || rest.length > 0) {
    throw badValue(parameter, text, "expected 'number', 'number||unit' or 'number|system|code'");
  }
  return { ...test, unit: system === '' ? { code } : { system, code } };
}

/** What a row of the index must satisfy for a quantity of a search: its unit, its marks and its ends. */
export function quantityBounds(test: QuantityTest): (EndBounds & { unit: UnitScope; marks: string[] })[] {
  const { unit } = test;
  if (unit === undefined) return within(test, anyUnit);
  if (unit.system === undefined) return within(test, anyUnit, [unitMark(unit.code)]);
  const canonical = unit.system === ucumSystem ? canonicalUnit(unit.code) : undefined;
  if (canonical === undefined) return within(test, exactUnit(unit.system, unit.code));
  const { value, start, end } = test;
  const inBase = {
    prefix: test.prefix,
    value: canonical.toBase(value),
    start: canonical.toBase(start),
    end: canonical.toBase(end),
  };
  return within(inBase, kindOfUnit(canonical.kind));
}

const within = (test: NumberTest, unit: UnitScope, marks: string[] = []) =>
  numberBounds(test).map((bounds) => ({ ...bounds, unit, marks }));

/** One row of the index for a quantity: the unit in which it stands there, and between which numbers it lies. */
interface QuantityEntry {
  readonly unit: UnitScope;
  readonly lower: number;
  readonly upper: number;
  readonly marks: readonly string[];
}

/** The rows for a Quantity (or one of its specialisations), Money, Range or SampledData; none for anything else. */
export function quantityEntries({ type, value }: TypedValue): QuantityEntry[] {
  if (!isJsonObject(value)) return [];
  if (type === 'Range') {
    const [low, high] = [objectOf(value['low']), objectOf(value['high'])];
    return entriesOf((toBase) => rangeSpan(low, high, toBase), unitOf(low ?? high ?? {}));
  }
  if (type === 'SampledData') {
    const bounds = sampledBounds(value);
    const within = (toBase: Scale) =>
      bounds && { lower: scaled(bounds.lower, toBase), upper: scaled(bounds.upper, toBase) };
    return entriesOf(within, unitOf(objectOf(value['origin']) ?? {}));
  }
  return entriesOf((toBase) => spanOf(value, toBase), type === 'Money' ? moneyUnit(value) : unitOf(value));
}

interface Unit {
  readonly system: string;
  readonly code: string | undefined;
  readonly text: string | undefined;
}

interface Span {
  readonly lower: number;
  readonly upper: number;
}

type Members = Readonly<Record<string, JsonValue | undefined>>;
type Scale = (value: number) => number;

const currencySystem = 'urn:iso:std:iso:4217';

const objectOf = (value: JsonValue | undefined): Members | undefined =>
  value !== undefined && isJsonObject(value) ? value : undefined;

function moneyUnit({ currency }: Members): Unit {
  return { system: currencySystem, code: typeof currency === 'string' ? currency : undefined, text: undefined };
}

function unitOf({ system, code, unit }: Members): Unit {
  return {
    system: typeof system === 'string' ? system : '',
    code: typeof code === 'string' ? code : undefined,
    text: typeof unit === 'string' ? unit : undefined,
  };
}

/** A quantity with a comparator (`< 5`) is everything on one side of its number. */
function spanOf({ value, comparator }: Members, toBase: Scale): Span | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  const number = toBase(value);
  switch (typeof comparator === 'string' ? comparator : '') {
    case '<':
      return { lower: -Infinity, upper: nextDown(number) };
    case '<=':
      return { lower: -Infinity, upper: number };
    case '>':
      return { lower: nextUp(number), upper: Infinity };
    case '>=':
      return { lower: number, upper: Infinity };
    default:
      return { lower: number, upper: number };
  }
}

/** A Range reaches from its low to its high end, which have the same unit (rng-2); a missing one leaves it open. */
function rangeSpan(low: Members | undefined, high: Members | undefined, toBase: Scale): Span | undefined {
  const from = low && spanOf(low, toBase);
  const to = high && spanOf(high, toBase);
  if (from === undefined && to === undefined) return undefined;
  const span = { lower: from?.lower ?? -Infinity, upper: to?.upper ?? Infinity };
  return span.lower <= span.upper ? span : undefined;
}

const scaled = (value: number, toBase: Scale): number => (Number.isFinite(value) ? toBase(value) : value);

const asWritten: Scale = (value) => value;

function entriesOf(spanBy: (toBase: Scale) => Span | undefined, { system, code, text }: Unit): QuantityEntry[] {
  const span = spanBy(asWritten);
  if (span === undefined) return [];
  const marks = [...new Set([code, text])].filter((name) => name !== undefined).map(unitMark);
  const written: QuantityEntry = { unit: anyUnit, ...span, marks };
  if (code === undefined) return [written];
  const canonical = system === ucumSystem ? canonicalUnit(code) : undefined;
  const inBase = canonical && spanBy((value) => canonical.toBase(value));
  if (canonical && inBase) return [written, { unit: kindOfUnit(canonical.kind), ...inBase, marks: [] }];
  return [written, { unit: exactUnit(system, code), ...span, marks: [] }];
}
