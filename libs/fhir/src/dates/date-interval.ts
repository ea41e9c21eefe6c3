/**
 * FHIR dates stand for intervals: `2024-03` is the whole of March
 * (https://hl7.org/fhir/R4/search.html#date, https://hl7.org/fhir/R4/datatypes.html#dateTime).
 * Everything here is integer arithmetic on the proleptic Gregorian calendar; no Date object, no local time zone.
 */

/** Half open: `start` is the first millisecond (Unix time) that belongs to it, `end` the first one that does not. */
export interface DateInterval {
  start: number;
  end: number;
}

const msPerMinute = 60_000;
const msPerDay = 86_400_000;

const form = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d))?)?)?)?$/;

/**
 * The interval of a FHIR `date`, `dateTime`, `instant` or search value, to the precision of its text: a year, a month,
 * a day, a minute, a second, or a fraction of one (`.5` is a tenth of a second long, three digits a millisecond, and
 * more digits are cut to the millisecond they fall in). A time without a zone is taken as UTC, and so are dates.
 * `undefined` when the text has another form or names no real moment (`2021-02-30`, hour 24, zone `+15:00`, year 0000).
 * Second 60 is a leap second and falls on the first second of the next minute.
 */
export function dateInterval(text: string): DateInterval | undefined {
  const parts = text.length <= maxLength ? form.exec(text) : null;
  if (!parts) return undefined;
  const [, yearText, monthText, dayText, hourText, minuteText, secondText, fraction, sign, zoneHour, zoneMinute] =
    parts;
  const year = Number(yearText);
  if (year === 0) return undefined;
  if (monthText === undefined)
    return { start: daysBefore(year, 1) * msPerDay, end: daysBefore(year + 1, 1) * msPerDay };

  const month = Number(monthText);
  if (month < 1 || month > 12) return undefined;
  const monthStart = daysBefore(year, month);
  const nextMonth = month === 12 ? daysBefore(year + 1, 1) : daysBefore(year, month + 1);
  if (dayText === undefined) return { start: monthStart * msPerDay, end: nextMonth * msPerDay };

  const day = Number(dayText);
  if (day < 1 || day > nextMonth - monthStart) return undefined;
  const midnight = (monthStart + day - 1) * msPerDay;
  if (hourText === undefined) return { start: midnight, end: midnight + msPerDay };

  const offset = zoneOffset(sign, Number(zoneHour ?? 0), Number(zoneMinute ?? 0));
  const time = timeOfDay(Number(hourText), Number(minuteText), secondText, fraction);
  if (offset === undefined || time === undefined) return undefined;
  const start = midnight + time.start - offset;
  return { start, end: start + time.length };
}

/** Nine digits of fraction are all that any clock writes; the limit bounds the work on hostile text. */
const maxLength = 40;

function zoneOffset(sign: string | undefined, hours: number, minutes: number): number | undefined {
  const offset = (hours * 60 + minutes) * msPerMinute;
  if (minutes > 59 || offset > 14 * 60 * msPerMinute) return undefined;
  return sign === '-' ? -offset : offset;
}

function timeOfDay(hour: number, minute: number, secondText: string | undefined, fraction: string | undefined) {
  if (hour > 23 || minute > 59) return undefined;
  const minuteStart = (hour * 60 + minute) * msPerMinute;
  if (secondText === undefined) return { start: minuteStart, length: msPerMinute };
  const second = Number(secondText);
  if (second > 60) return undefined;
  const digits = (fraction ?? '').slice(0, 3);
  const length = 10 ** (3 - digits.length);
  return { start: minuteStart + second * 1000 + Number(digits || 0) * length, length };
}

/** Days from 1970-01-01 to the first of the month, counting years from March so that leap days come last. */
function daysBefore(year: number, month: number): number {
  const yearFromMarch = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const leapDays = Math.floor(yearFromMarch / 4) - Math.floor(yearFromMarch / 100) + Math.floor(yearFromMarch / 400);
  return yearFromMarch * 365 + leapDays + Math.floor((monthFromMarch * 153 + 2) / 5) - daysBefore1970;
}

const daysBefore1970 = 719_468;
