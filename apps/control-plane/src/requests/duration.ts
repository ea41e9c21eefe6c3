import { FieldRuleOf } from './field-rules.js';

const unitsMs = { week: 604_800_000, day: 86_400_000, hour: 3_600_000, minute: 60_000, second: 1_000 };
const form = /^P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/;

/**
 * The milliseconds of a duration such as `PT30M` or `P1DT12H` (ISO 8601); undefined when the text is none, or names years
 * or months, which are not the same length everywhere.
 */
export function parseDuration(text: string): number | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [week, day, hour, minute, second] = match.slice(1).map((part: string | undefined) => Number(part ?? 0));
  return (
    week! * unitsMs.week +
    day! * unitsMs.day +
    hour! * unitsMs.hour +
    minute! * unitsMs.minute +
    Math.round(second! * unitsMs.second)
  );
}

/** The duration as ISO 8601 writes it, in days, hours, minutes and seconds: 90,000 ms are `PT1M30S`. */
export function durationText(ms: number): string {
  const days = Math.floor(ms / unitsMs.day);
  const parts = [
    [Math.floor((ms % unitsMs.day) / unitsMs.hour), 'H'],
    [Math.floor((ms % unitsMs.hour) / unitsMs.minute), 'M'],
    [(ms % unitsMs.minute) / unitsMs.second, 'S'],
  ] as const;
  const time = parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('');
  if (days === 0 && time === '') return 'PT0S';
  return `P${days === 0 ? '' : `${days}D`}${time === '' ? '' : `T${time}`}`;
}

/** A duration of ISO 8601 that is not longer than this, and, unless it is none at all, not shorter than `shortest`. */
export const IsDuration = (longest: string, shortest = 'PT0S') =>
  FieldRuleOf('duration', (value) => {
    const ms = typeof value === 'string' && value.length <= 40 ? parseDuration(value) : undefined;
    if (ms === undefined) return 'must be a duration such as PT30M, in weeks, days, hours, minutes and seconds';
    if (ms > 0 && ms < parseDuration(shortest)!) return `must be PT0S or at least ${shortest}`;
    return ms > parseDuration(longest)! ? `must not be longer than ${longest}` : undefined;
  });
