import { TimeBudget } from './time-budget.js';

const forever = (): never => {
  for (;;);
};

test('work that is done in time gives its result, and what it throws passes', () => {
  const budget = new TimeBudget(1_000);
  expect(budget.spend(() => 1)).toEqual({ done: 1 });
  expect(() => budget.spend(() => JSON.parse('{') as unknown)).toThrow(SyntaxError);
  expect(budget.spend(() => undefined)).toEqual({ done: undefined });
});

test('all work has one time: nothing is begun when it has run out', () => {
  const budget = new TimeBudget(50);
  expect(budget.spend(forever)).toHaveProperty('ranOut');
  let begun = false;
  expect(budget.spend(() => (begun = true))).toEqual({ ranOut: 'waiting' });
  expect(begun).toBe(false);
});

test('work that has had the processor is told apart from work that has waited for it', () => {
  const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
  // What else the process does at that moment counts as well, so each is tried more than once.
  const waited = Array.from({ length: 10 }, () => new TimeBudget(200).spend(wait));
  expect(waited).toContainEqual({ ranOut: 'waiting' });
  // A busy machine may take the processor away.
  const outcomes = Array.from({ length: 40 }, () => new TimeBudget(50).spend(forever));
  expect(outcomes).toContainEqual({ ranOut: 'itself' });
});
