import { expect, test } from '@jest/globals';
import { ClusterSlots } from './cluster-slots.js';

test('no more slots are given than there are in all, and than one cluster may have', () => {
  const slots = new ClusterSlots(3, 2);
  expect(slots.isEmpty).toBe(true);
  expect([slots.take('a'), slots.take('a'), slots.take('a')]).toEqual([true, true, false]);
  expect([slots.take('b'), slots.isFull, slots.take('b')]).toEqual([true, true, false]);
  slots.giveBack('a');
  expect([slots.isFull, slots.take('c'), slots.take('a')]).toEqual([false, true, false]);
  for (const cluster of ['a', 'b', 'c']) slots.giveBack(cluster);
  expect(slots.isEmpty).toBe(true);
});
