/**
 * Units of UCUM (https://ucum.org) by their kind: `1 g` and `1000 mg` are the same quantity when both are written in base
 * units. The package `@lhncbc/ucum-lhc` knows the units; it takes some 15 ms and 10 MB, so it is loaded with the first
 * unit that is asked for, and what it says about a unit is kept.
 */
import { createRequire } from 'node:module';

export const ucumSystem = 'http://unitsofmeasure.org';

/** A unit that can be converted. */
export interface CanonicalUnit {
  /** Equal for units that measure the same: the exponents of the base units, amounts of substance apart from counts. */
  readonly kind: string;
  /** The number of base units that `value` of this unit is, to twelve digits, so that it does not depend on the way. */
  toBase(value: number): number;
}

/**
 * The unit with the UCUM code; undefined for one that UCUM does not have or that nothing can be converted into:
 * arbitrary units such as `[iU]`, and those on a falling scale such as `[pH]`, where a greater number means less.
 */
export function canonicalUnit(code: string): CanonicalUnit | undefined {
  // No code has a blank in it, and the package writes to the console when it meets one.
  if (code.length > longestCode || /\s/.test(code)) return undefined;
  const known = units.get(code);
  if (known !== undefined) {
    // A Map keeps the order of insertion, so what is used moves behind what is not.
    units.delete(code);
    units.set(code, known);
    return known ?? undefined;
  }
  const made = readUnit(code) ?? null;
  if (units.size >= maxUnits) units.delete(units.keys().next().value ?? '');
  units.set(code, made);
  return made ?? undefined;
}

/** The least recently used first; null for codes that cannot be converted. */
const units = new Map<string, CanonicalUnit | null>();
const maxUnits = 1000;
const longestCode = 64;

/** The part of the package that is used here. */
interface UcumPackage {
  UcumLhcUtils: { getInstance(): UcumUtilities };
}

interface UcumUtilities {
  convertToBaseUnits(
    code: string,
    value: number,
  ): { status: string; magnitude?: number; unitToExp?: Record<string, number>; fromUnitIsSpecial?: boolean };
  getSpecifiedUnit(code: string, mode: 'validate'): { unit: { moleExp_?: number } | null };
}

const require = createRequire(import.meta.url);
let utilities: UcumUtilities | undefined;

function readUnit(code: string): CanonicalUnit | undefined {
  utilities ??= (require('@lhncbc/ucum-lhc') as UcumPackage).UcumLhcUtils.getInstance();
  const ucum = utilities;
  const base = (value: number) => ucum.convertToBaseUnits(code, value).magnitude ?? NaN;
  const one = ucum.convertToBaseUnits(code, 1);
  if (one.status !== 'succeeded' || one.magnitude === undefined || !(base(2) > one.magnitude)) return undefined;
  const exponents = Object.entries(one.unitToExp ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const moles = ucum.getSpecifiedUnit(code, 'validate').unit?.moleExp_ ?? 0;
  const kind = [...exponents, ['mol', moles]].map(([name, exponent]) => `${name}${exponent}`).join('.');
  if (one.fromUnitIsSpecial === true) return { kind, toBase: ofSpecialUnit(base) };
  const factor = one.magnitude;
  return { kind, toBase: (value) => (factor === 1 ? value : rounded(value * factor)) };
}

/** Temperatures have another zero but are on a straight scale, so the package need not be asked for each of them. */
function ofSpecialUnit(base: (value: number) => number): CanonicalUnit['toBase'] {
  const zero = base(0);
  const step = (base(1000) - zero) / 1000;
  const onLine = (value: number) => rounded(zero + value * step);
  const isStraight = [-3, 1, 37.5, 9999].every((value) => onLine(value) === rounded(base(value)));
  return isStraight ? onLine : (value) => rounded(base(value));
}

const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(12)) : value);
