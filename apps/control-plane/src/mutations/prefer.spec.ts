import { preferredWaitSeconds } from './prefer.js';

test.each<[string | string[] | undefined, number]>([
  [undefined, 0],
  ['wait=30', 30],
  ['wait=60', 60],
  ['wait=61', 60],
  ['wait=999999', 60],
  ['WAIT = 5', 5],
  ['wait="7"', 7],
  ['respond-async, wait=10', 10],
  ['wait=10; x=y, return=minimal', 10],
  [['return=minimal', 'wait=4'], 4],
  ['foo="x, wait=9", wait=4', 4],
  ['foo="x, wait=9"', 0],
  ['wait=0', 0],
  ['wait=-1', 0],
  ['wait=1.5', 0],
  ['wait', 0],
  ['wait=soon', 0],
  ['await=9', 0],
])('Prefer: %j waits %d s', (header, seconds) => {
  expect(preferredWaitSeconds(header)).toBe(seconds);
});
