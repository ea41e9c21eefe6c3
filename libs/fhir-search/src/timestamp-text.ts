/** The years that both JavaScript and PostgreSQL write with four digits. */
const first = new Date('0001-01-01T00:00:00Z').getTime();
const end = new Date('9999-12-31T23:59:59.999Z').getTime() + 1;

/** A moment as PostgreSQL reads it; what lies outside the years 1 to 9999 becomes an open end. */
export function timestampText(ms: number): string {
  if (ms < first) return '-infinity';
  if (ms >= end) return 'infinity';
  return new Date(ms).toISOString();
}
