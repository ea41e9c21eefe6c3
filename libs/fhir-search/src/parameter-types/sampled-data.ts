import { isJsonObject, type JsonObject } from '#fhir';

interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Between which numbers the values of a SampledData lie (https://hl7.org/fhir/R4/datatypes.html#SampledData), in the unit of
 * its origin: HL7 says of `value-quantity` to "search on the bounds of the values in sampled data". Points marked L or U lie
 * beyond the limit of detection; without points the limits themselves are the bounds. Undefined when it has neither.
 */
export function sampledBounds({ origin, factor, lowerLimit, upperLimit, data }: JsonObject): Bounds | undefined {
  const zero = isJsonObject(origin) ? numberOr(origin['value'], undefined) : undefined;
  const points = pointsOf(typeof data === 'string' ? data : '');
  const [floor, ceiling] = [numberOr(lowerLimit, -Infinity), numberOr(upperLimit, Infinity)];
  if (!points.some) {
    if (floor === -Infinity && ceiling === Infinity) return undefined;
    return floor <= ceiling ? { lower: floor, upper: ceiling } : undefined;
  }
  const measured = [points.least, points.greatest]
    .filter(Number.isFinite)
    .map((point) => (zero ?? 0) + point * numberOr(factor, 1));
  const lower = Math.min(...measured, ...(points.isBelow ? [floor] : []), ...(points.isAbove ? [ceiling] : []));
  const upper = Math.max(...measured, ...(points.isBelow ? [floor] : []), ...(points.isAbove ? [ceiling] : []));
  return { lower, upper };
}

interface Points {
  /** Whether there is any that says where it lies. */
  readonly some: boolean;
  readonly least: number;
  readonly greatest: number;
  readonly isBelow: boolean;
  readonly isAbove: boolean;
}

/** Numbers between blanks; E for an error, L and U for points below and above what could be measured. */
function pointsOf(data: string): Points {
  let [least, greatest, isBelow, isAbove] = [Infinity, -Infinity, false, false];
  for (const [point] of data.matchAll(/\S+/g)) {
    if (point === 'L') isBelow = true;
    else if (point === 'U') isAbove = true;
    const number = Number(point);
    if (!Number.isFinite(number)) continue;
    least = Math.min(least, number);
    greatest = Math.max(greatest, number);
  }
  return { some: least <= greatest || isBelow || isAbove, least, greatest, isBelow, isAbove };
}

function numberOr<Else>(value: unknown, otherwise: Else): number | Else {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
