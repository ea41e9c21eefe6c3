import { AnswerBudget } from './answer-budget.js';

const tooCostly = expect.objectContaining({ category: 'too-costly' });

test('answers fit until they come to the length together; then nothing is left', () => {
  const budget = new AnswerBudget(10);
  budget.takeFitting('12345');
  budget.assertLeft();
  expect(() => budget.takeFitting('123456')).toThrow(tooCostly);
  expect(() => budget.assertLeft()).toThrow(tooCostly);
  expect(() => budget.takeFitting('1')).toThrow(tooCostly);
});

test('what has happened is told, however long it is', () => {
  const budget = new AnswerBudget(10);
  budget.take('12345678901');
  expect(() => budget.assertLeft()).toThrow(tooCostly);
});
