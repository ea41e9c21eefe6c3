import fc from 'fast-check';
import { nextClosing, nextOpening } from './maintenance-window.js';

const opening = (days: number[], from: string, until: string, now: string): string =>
  nextOpening({ days, from, until }, new Date(now)).toISOString();

describe('a maintenance window', () => {
  // 2026-11-21 is a Saturday, day 6.
  test.each([
    ['is open', [6], '10:00', '14:00', '2026-11-21T12:00:00.000Z', '2026-11-21T12:00:00.000Z'],
    ['opens later today', [6], '13:00', '14:00', '2026-11-21T12:00:00.000Z', '2026-11-21T13:00:00.000Z'],
    ['is over for this week', [6], '10:00', '12:00', '2026-11-21T12:00:00.000Z', '2026-11-28T10:00:00.000Z'],
    ['opens on another day', [1, 2], '10:00', '12:00', '2026-11-21T12:00:00.000Z', '2026-11-23T10:00:00.000Z'],
    ['of yesterday reaches into today', [5], '22:00', '04:00', '2026-11-21T03:59:59.999Z', '2026-11-21T03:59:59.999Z'],
    ['of yesterday is over', [5], '22:00', '04:00', '2026-11-21T04:00:00.000Z', '2026-11-27T22:00:00.000Z'],
    ['without days is there every day', [], '11:00', '12:00', '2026-11-21T12:00:00.000Z', '2026-11-22T11:00:00.000Z'],
    [
      'that ends when it begins lasts a day',
      [6],
      '10:00',
      '10:00',
      '2026-11-22T09:00:00.000Z',
      '2026-11-22T09:00:00.000Z',
    ],
  ])('%s', (_, days, from, until, now, expected) => {
    expect(opening(days, from, until, now)).toBe(expected);
  });

  test.each([
    ['that is open closes', [6], '10:00', '14:00', '2026-11-21T12:00:00.000Z', '2026-11-21T14:00:00.000Z'],
    ['of yesterday closes today', [5], '22:00', '04:00', '2026-11-21T03:59:59.999Z', '2026-11-21T04:00:00.000Z'],
    [
      'that is not open yet closes later',
      [6],
      '13:00',
      '14:00',
      '2026-11-21T12:00:00.000Z',
      '2026-11-21T14:00:00.000Z',
    ],
  ])('%s', (_, days, from, until, now, expected) => {
    expect(nextClosing({ days, from, until }, new Date(now)).toISOString()).toBe(expected);
  });

  test('always opens within a week, and is then open', () => {
    const time = fc
      .tuple(fc.nat(23), fc.nat(59))
      .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
    const days = fc.uniqueArray(fc.nat(6), { maxLength: 7 });
    const moment = fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(days, time, time, moment, (on, from, until, now) => {
        const window = { days: on, from, until };
        const opens = nextOpening(window, now);
        expect(opens.getTime() - now.getTime()).toBeLessThanOrEqual(7 * 86_400_000);
        expect(opens.getTime()).toBeGreaterThanOrEqual(now.getTime());
        expect(nextOpening(window, opens)).toEqual(opens);
      }),
      { seed: 1 },
    );
  });
});
