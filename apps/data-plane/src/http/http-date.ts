const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
/** Sakamoto's table: how far a month's first day is shifted in the week. */
const SHIFTS = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];

/**
 * An instant as it stands in a resource (`2026-11-21T04:10:12.345Z`, always UTC) as an HTTP date (RFC 9110 section
 * 5.6.7): `Sat, 21 Nov 2026 04:10:12 GMT`. Made from the text, because a Date costs several times as much and every read
 * needs one.
 */
export function httpDate(instant: string): string {
  const year = Number(instant.slice(0, 4));
  const month = Number(instant.slice(5, 7)) - 1;
  const day = instant.slice(8, 10);
  const y = month < 2 ? year - 1 : year;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  const weekday = (y + leapDays + (SHIFTS[month] ?? 0) + Number(day)) % 7;
  return `${DAYS[weekday]}, ${day} ${MONTHS[month]} ${instant.slice(0, 4)} ${instant.slice(11, 19)} GMT`;
}
