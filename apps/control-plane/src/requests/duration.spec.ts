import { durationText, parseDuration } from './duration.js';

describe('durations', () => {
  test.each([
    ['PT0S', 0],
    ['PT30M', 1_800_000],
    ['PT1M30S', 90_000],
    ['PT0.25S', 250],
    ['P1DT12H', 129_600_000],
    ['P1D', 86_400_000],
  ])('%s is %d ms, and is written so again', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(durationText(ms)).toBe(text);
  });

  test('weeks are read too, and written as days', () => {
    expect(parseDuration('P2W')).toBe(1_209_600_000);
    expect(durationText(1_209_600_000)).toBe('P14D');
  });

  test.each(['', 'P', 'PT', 'P1DT', 'P1M', 'P1Y', '30M', 'PT-1S', 'PT1.5M', 'pt1s', 'PT1S ', 'PT1S1M'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});
