import { expect, test } from '@jest/globals';
import { Contentions } from './contentions.js';

test('how often others were met is counted by project, in a row', () => {
  const contentions = new Contentions();
  expect(contentions.add('a', 60_000)).toMatchObject({ times: 1, patienceMs: 60_000 });
  const again = contentions.add('a', 60_000);
  expect(again.times).toBe(2);
  expect(again.forMs).toBeGreaterThan(0);
  expect(contentions.add('b', 60_000).times).toBe(1);
  contentions.forget('a');
  expect(contentions.add('a', 60_000).times).toBe(1);
});
