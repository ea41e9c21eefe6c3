import { expect, test } from '@jest/globals';
import { loggableError } from './loggable-error.js';

test('a log keeps what says where the fault is, and leaves out the row that PostgreSQL quotes', () => {
  const cause = Object.assign(new Error('violates check'), {
    code: '23514',
    detail: 'Failing row contains (Ana Quay)',
    where: 'COPY',
  });
  const logged = JSON.stringify(loggableError(new Error('could not write', { cause })));
  expect(logged).toContain('23514');
  expect(logged).toContain('could not write');
  expect(logged).not.toContain('Ana Quay');
  expect(loggableError('Ana Quay').message).not.toContain('Ana');
});
