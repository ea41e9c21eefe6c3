/**
 * Units of measure in FHIRPath. They are texts of whoever wrote a resource or an expression, and the fhirpath package reads
 * each of them with a parser whose work grows with the text; the base units that it has found it keeps for ever.
 */

/** UCUM codes that people write have some twenty characters; a product puts two of them together. */
const maxCharacters = 250;

/** So many units are kept, with less than a kilobyte each. There are some thousands that anybody has a use for. */
const maxKept = 10_000;

/** What the package asks about units, each by the text that comes first; `convertUnitTo` by the third argument too. */
interface UnitReader {
  convertToBaseUnits: (unit: unknown, ...rest: unknown[]) => unknown;
  convertUnitTo: (unit: unknown, ...rest: unknown[]) => unknown;
  getSpecifiedUnit: (unit: unknown, ...rest: unknown[]) => unknown;
}

/**
 * Keeps `reader`, which all expressions of the process share, from reading unit texts that are too long, and from finding the
 * base units of more units than may be kept. It throws a plain Error in place of that, which ends the evaluation.
 */
export function limitUnits(reader: UnitReader, most = maxKept): void {
  const { convertToBaseUnits, convertUnitTo, getSpecifiedUnit } = reader;
  let kept = 0;
  reader.convertToBaseUnits = (...given) => {
    assertShort(given[0]);
    // The package asks once for each unit that it does not have yet, and keeps the answer whatever it is.
    if (kept >= most) throw new Error('The units of too many quantities have been looked at.');
    kept++;
    return convertToBaseUnits.apply(reader, given);
  };
  reader.convertUnitTo = (...given) => {
    assertShort(given[0]);
    assertShort(given[2]);
    return convertUnitTo.apply(reader, given);
  };
  reader.getSpecifiedUnit = (...given) => {
    assertShort(given[0]);
    return getSpecifiedUnit.apply(reader, given);
  };
}

function assertShort(unit: unknown): void {
  if (typeof unit === 'string' && unit.length > maxCharacters) throw new Error('A unit has too long a text.');
}
