/**
 * Quantities (https://hl7.org/fhir/R4/search.html#quantity): numbers with a unit. Units of UCUM are compared in base
 * units, so that grams are found by milligrams; other units only as they are written.
 */
import { isJsonObject, type JsonObject, type JsonValue, type TypedValue } from '#fhir';
import type { QuantityTest } from '../search-request.js';
import { canonicalUnit, ucumSystem } from '../units/ucum.js';
import { spanSatisfies, type NumberSpan } from './numbers.js';

/** Whether a Quantity, Money, Range or SampledData of a resource satisfies the test. */
export function matchesQuantity(test: QuantityTest, found: TypedValue): boolean {
  const amount = amountOf(found);
  if (amount === undefined) return false;
  const { unit } = test;
  if (unit === undefined) return spanSatisfies(test, amount);
  if (unit.system === undefined) {
    return (unit.code === amount.code || unit.code === amount.unit) && spanSatisfies(test, amount);
  }
  if (unit.system !== amount.system || amount.code === undefined) return false;
  const wanted = unit.system === ucumSystem ? canonicalUnit(unit.code) : undefined;
  if (wanted === undefined) return unit.code === amount.code && spanSatisfies(test, amount);
  const own = canonicalUnit(amount.code);
  if (own?.kind !== wanted.kind) return false;
  const { prefix, value, start, end } = test;
  const inBase = { prefix, value: wanted.toBase(value), start: wanted.toBase(start), end: wanted.toBase(end) };
  return spanSatisfies(inBase, { ...amount, low: inBaseUnits(amount.low), high: inBaseUnits(amount.high) });

  function inBaseUnits(value: number): number {
    return Number.isFinite(value) && own !== undefined ? own.toBase(value) : value;
  }
}

/** What is measured, with its unit as the resource writes it. */
interface Amount extends NumberSpan {
  readonly system: string | undefined;
  readonly code: string | undefined;
  readonly unit: string | undefined;
}

const currencies = 'urn:iso:std:iso:4217';

function amountOf({ type, value }: TypedValue): Amount | undefined {
  if (!isJsonObject(value)) return undefined;
  if (type === 'Range') return rangeOf(value['low'], value['high']);
  if (type === 'SampledData') return sampledOf(value);
  if (type === 'Money') return quantityOf({ value: value['value'], system: currencies, code: value['currency'] });
  return quantityOf(value);
}

function quantityOf({ value, comparator, system, code, unit }: JsonObject): Amount | undefined {
  if (typeof value !== 'number') return undefined;
  const isBelow = comparator === '<' || comparator === '<=';
  const isAbove = comparator === '>' || comparator === '>=';
  return {
    low: isBelow ? -Infinity : value,
    high: isAbove ? Infinity : value,
    open: comparator === '<' || comparator === '>',
    system: textOf(system),
    code: textOf(code),
    unit: textOf(unit),
  };
}

/** Both ends of a Range have one unit; an end that is missing leaves it unlimited. */
function rangeOf(low: JsonValue | undefined, high: JsonValue | undefined): Amount | undefined {
  const from = isJsonObject(low) ? quantityOf(low) : undefined;
  const to = isJsonObject(high) ? quantityOf(high) : undefined;
  const some = from ?? to;
  return some && { ...some, low: from?.low ?? -Infinity, high: to?.high ?? Infinity };
}

/** From the least to the greatest of the points; those beyond what can be measured reach to the limit. */
function sampledOf({ origin, factor, data, lowerLimit, upperLimit }: JsonObject): Amount | undefined {
  if (!isJsonObject(origin)) return undefined;
  const unit = quantityOf({ ...origin, value: 0 });
  const [floor, ceiling] = [numberOr(lowerLimit, -Infinity), numberOr(upperLimit, Infinity)];
  const points = (typeof data === 'string' ? data.trim().split(/\s+/) : []).flatMap((point) => {
    if (point === 'L') return [floor];
    if (point === 'U') return [ceiling];
    return point === '' || !Number.isFinite(Number(point))
      ? []
      : [numberOr(origin['value'], 0) + Number(point) * numberOr(factor, 1)];
  });
  const isEmpty = points.length === 0;
  if (isEmpty && ((floor === -Infinity && ceiling === Infinity) || floor > ceiling)) return undefined;
  const low = isEmpty ? floor : points.reduce((least, point) => Math.min(least, point));
  const high = isEmpty ? ceiling : points.reduce((greatest, point) => Math.max(greatest, point));
  return unit && { ...unit, low, high, open: false };
}

const numberOr = (value: JsonValue | undefined, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;

const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
