import fc from 'fast-check';
import { dateInterval } from './date-interval.js';

describe('the interval of a FHIR date', () => {
  it.each([
    ['2024', '2024-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z'],
    ['2024-02', '2024-02-01T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['2023-12', '2023-12-01T00:00:00.000Z', '2024-01-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['2000-02-29', '2000-02-29T00:00:00.000Z', '2000-03-01T00:00:00.000Z'],
    ['1969-12-31', '1969-12-31T00:00:00.000Z', '1970-01-01T00:00:00.000Z'],
    ['0001-01-01', '0001-01-01T00:00:00.000Z', '0001-01-02T00:00:00.000Z'],
    ['2024-01-02T03:04', '2024-01-02T03:04:00.000Z', '2024-01-02T03:05:00.000Z'],
    ['2024-01-02T03:04Z', '2024-01-02T03:04:00.000Z', '2024-01-02T03:05:00.000Z'],
    ['2024-01-02T03:04:05', '2024-01-02T03:04:05.000Z', '2024-01-02T03:04:06.000Z'],
    ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05.000Z', '2024-01-02T03:04:06.000Z'],
    ['2024-01-02T03:04:05+02:00', '2024-01-02T01:04:05.000Z', '2024-01-02T01:04:06.000Z'],
    ['2024-01-01T00:30:00+05:30', '2023-12-31T19:00:00.000Z', '2023-12-31T19:00:01.000Z'],
    ['2024-12-31T23:00:00-14:00', '2025-01-01T13:00:00.000Z', '2025-01-01T13:00:01.000Z'],
    ['2024-01-02T03:04:05.6Z', '2024-01-02T03:04:05.600Z', '2024-01-02T03:04:05.700Z'],
    ['2024-01-02T03:04:05.67Z', '2024-01-02T03:04:05.670Z', '2024-01-02T03:04:05.680Z'],
    ['2024-01-02T03:04:05.678Z', '2024-01-02T03:04:05.678Z', '2024-01-02T03:04:05.679Z'],
    ['2024-01-02T03:04:05.678901234Z', '2024-01-02T03:04:05.678Z', '2024-01-02T03:04:05.679Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z', '2017-01-01T00:00:01.000Z'],
  ])('%s is [%s, %s)', (text, start, end) => {
    const interval = dateInterval(text);
    expect(
      interval && { start: new Date(interval.start).toISOString(), end: new Date(interval.end).toISOString() },
    ).toEqual({
      start,
      end,
    });
  });

  it.each([
    '',
    '24',
    '0000',
    '2024-',
    '2024-00',
    '2024-13',
    '2024-1-1',
    '2023-02-29',
    '1900-02-29',
    '2021-02-30',
    '2024-04-31',
    '2024-01-00',
    '2024-01-02T',
    '2024-01-02T03',
    '2024-01-02T24:00',
    '2024-01-02T03:60',
    '2024-01-02T03:04:61Z',
    '2024-01-02T03:04:05.Z',
    '2024-01-02T03:04:05+14:01',
    '2024-01-02T03:04:05+02:60',
    '2024-01-02T03:04:05 02:00',
    '2024-01-02Z',
    '2024-01-02t03:04:05z',
    ' 2024',
    '2024 ',
    '2024\n',
    '٢٠٢٤',
    `2024-01-02T03:04:05.${'1'.repeat(1000)}Z`,
    'now',
  ])('%j has none', (text) => {
    expect(dateInterval(text)).toBeUndefined();
  });

  it('starts where the calendar of the runtime says, on every day of ten thousand years', () => {
    const days = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(days, (date) => {
        const text = date.toISOString();
        expect(dateInterval(text)).toEqual({ start: date.getTime(), end: date.getTime() + 1 });
        const midnight = Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
        expect(dateInterval(text.slice(0, 10))).toEqual({ start: midnight, end: midnight + 86_400_000 });
      }),
      { numRuns: 5000, seed: 1 },
    );
  });

  it('leaves no gap between a year and the next, nor between its months', () => {
    const gaps: string[] = [];
    for (let year = 1; year < 2500; year++) {
      const text = String(year).padStart(4, '0');
      const whole = dateInterval(text);
      let at = whole?.start;
      for (let month = 1; month <= 12; month++) {
        const interval = dateInterval(`${text}-${String(month).padStart(2, '0')}`);
        if (interval === undefined || interval.start !== at) gaps.push(`before month ${month} of ${text}`);
        at = interval?.end;
      }
      if (whole === undefined || at !== whole.end) gaps.push(`after ${text}`);
    }
    expect(gaps).toEqual([]);
  });
});
