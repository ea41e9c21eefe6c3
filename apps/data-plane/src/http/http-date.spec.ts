import { httpDate } from './http-date.js';

test('an instant becomes the same HTTP date that Date makes of it', () => {
  const days = 400 * 366;
  for (let day = 0; day < days; day += 97) {
    const instant = new Date(Date.UTC(1900, 0, 1 + day, 23, 59, 58, 123)).toISOString();
    expect(httpDate(instant)).toBe(new Date(instant).toUTCString());
  }
  expect(httpDate('2024-02-29T00:00:00.000Z')).toBe('Thu, 29 Feb 2024 00:00:00 GMT');
});
