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

test('a cluster that has room for fewer gets fewer, also when it had more before', () => {
  const slots = new ClusterSlots(8, 4);
  expect([slots.take('a', 2), slots.take('a', 2), slots.take('a', 2)]).toEqual([true, true, false]);
  expect([slots.take('b', 9), slots.take('a', 3), slots.take('a', 1)]).toEqual([true, true, false]);
});
