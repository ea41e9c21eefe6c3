/**
 * What a row of `resource_number` holds beside its number: the scope is what a search must name exactly to meet the row,
 * so that its numbers stand together in the index, in order. Search and index must build the texts in the same way, so
 * they are made here only.
 */

/** The scope of a number without unit, and of a quantity when no unit is asked for: the number as it is written. */
export const anyScope = '00000000000000000000000000000000';

/** The scope text of a unit. A UCUM unit that can be converted stands for its kind: all that is measured in base units. */
export type UnitScope = string;

export const anyUnit: UnitScope = '';
export const kindOfUnit = (kind: string): UnitScope => `kind|${kind}`;
export const exactUnit = (system: string, code: string): UnitScope => `unit|${system.length}|${system}|${code}`;

/**
 * The text whose hash is the scope: of a composite, with the number of the part (its place among the components) and
 * what the discrete parts are. Undefined stands for `anyScope`.
 */
export function scopeText(
  unit: UnitScope,
  composite?: { part: number; discrete: readonly string[] },
): string | undefined {
  if (composite === undefined) return unit === anyUnit ? undefined : `scope|${unit}`;
  const parts = composite.discrete.map((part) => `${part.length}|${part}`).join('|');
  return `scope|${composite.part}|${parts}|${unit}`;
}

/** The mark of a unit's code or human text, by which it is found without its system. */
export const unitMark = (text: string): string => `mark|unit|${text}`;

/** The mark of a discrete part in a narrower form than the one that is in the scope. */
export const partMark = (part: number, text: string): string => `mark|${part}|${text}`;
