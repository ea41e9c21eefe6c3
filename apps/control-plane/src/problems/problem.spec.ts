import { NotFoundException } from '@nestjs/common';
import { DomainError } from '#platform';
import { toProblem } from './problem.js';

describe('toProblem', () => {
  test('a DomainError shows its code, words and details, and when to come back', () => {
    const error = new DomainError('too-many-requests', 'slow-down', 'Wait.', {
      retryAfterSeconds: 1.2,
      details: { limit: 30, status: 200 },
    });
    expect(toProblem(error, 'r1')).toEqual({
      problem: {
        type: 'about:blank',
        title: 'Too Many Requests',
        status: 429,
        code: 'slow-down',
        detail: 'Wait.',
        requestId: 'r1',
        limit: 30,
      },
      headers: { 'Retry-After': '2' },
      isFault: false,
    });
  });

  test.each([
    ['an internal DomainError', new DomainError('internal', 'seal-broken', 'The secret sealed for "x" is broken.')],
    ['an Error', new Error('password=hunter2')],
    ['something that is no error', 'hunter2'],
    ['nothing', undefined],
  ])('%s is a fault of ours and tells nothing', (_, error) => {
    const { problem, isFault } = toProblem(error, 'r1');
    expect({ status: problem.status, code: problem.code, isFault }).toEqual({
      status: 500,
      code: 'internal',
      isFault: true,
    });
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|sealed/);
  });

  test('what the framework refuses keeps its status and gets our words', () => {
    expect(toProblem(new NotFoundException('Cannot GET /secret'), 'r').problem).toMatchObject({
      status: 404,
      code: 'route-not-found',
      detail: 'There is no such route.',
    });
    expect(toProblem({ statusCode: 413, message: 'x' }, 'r').problem.code).toBe('body-too-large');
    expect(toProblem({ statusCode: 418 }, 'r').problem).toMatchObject({ status: 418, code: 'request-refused' });
    expect(toProblem({ statusCode: 500 }, 'r').isFault).toBe(true);
  });
});
