import type { JsonObject } from '#fhir';
import { sampledBounds } from './sampled-data.js';

const origin = { value: 10, code: 'mV' };

it.each<[string, JsonObject, { lower: number; upper: number } | undefined]>([
  ['the least and the greatest of the points', { origin, data: '3 -1 2' }, { lower: 9, upper: 13 }],
  ['corrected by the factor', { origin, factor: 2, data: '3 -1' }, { lower: 8, upper: 16 }],
  ['also by a negative one', { origin, factor: -2, data: '3 -1' }, { lower: 4, upper: 12 }],
  ['errors aside', { origin, data: 'E 3 E' }, { lower: 13, upper: 13 }],
  ['not the limits, when no point is beyond them', { origin, lowerLimit: -5, data: '3' }, { lower: 13, upper: 13 }],
  [
    'the limits for points beyond them',
    { origin, lowerLimit: -5, upperLimit: 50, data: 'L 3 U' },
    { lower: -5, upper: 50 },
  ],
  ['open where there is no limit', { origin, data: 'L 3' }, { lower: -Infinity, upper: 13 }],
  ['one limit alone', { origin, upperLimit: 50, data: 'U' }, { lower: 50, upper: 50 }],
  ['the limits without points', { origin, lowerLimit: 0, upperLimit: 5 }, { lower: 0, upper: 5 }],
  ['one limit without points', { origin, lowerLimit: 0 }, { lower: 0, upper: Infinity }],
  ['nothing without either', { origin, data: 'E' }, undefined],
  ['nothing of limits that exchange their places', { origin, lowerLimit: 5, upperLimit: 0 }, undefined],
])('the bounds of sampled data are %s', (_title, data, bounds) => {
  expect(sampledBounds(data)).toEqual(bounds);
});

it('a long row of points is read in one go', () => {
  expect(sampledBounds({ origin, data: '1 2 '.repeat(500_000) })).toEqual({ lower: 11, upper: 12 });
});
