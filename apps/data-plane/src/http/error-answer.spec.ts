import { HttpException, NotFoundException } from '@nestjs/common';
import { forbidden, gone, internalError, notFound, preconditionFailed, tooCostly, unauthorized } from '#fhir';
import { StaleRights } from '#fhir-store';
import { DomainError } from '#platform';
import { answerOf } from './error-answer.js';
import { HttpStatusError } from './http-status-error.js';

const databaseError = (code: string) =>
  Object.assign(new Error('duplicate key value "Secret"'), { code, detail: 'Key (name)=(Secret)' });

const of = (error: unknown) => {
  const { status, headers, body, unexpected } = answerOf(error);
  const outcome = JSON.parse(body) as { id?: string; issue: { code: string; details: { text: string } }[] };
  return {
    status,
    headers,
    unexpected,
    id: outcome.id,
    code: outcome.issue[0]?.code,
    text: outcome.issue[0]?.details.text,
  };
};

describe('an error becomes an answer', () => {
  test.each([
    [notFound(), 404, 'not-found', 'not-found'],
    [gone(), 410, 'gone', 'deleted'],
    [forbidden(), 403, 'forbidden', 'forbidden'],
    [preconditionFailed('x'), 412, 'precondition-failed', 'processing'],
    [tooCostly('x'), 400, undefined, 'too-costly'],
    [new DomainError('denied', 'project-suspended', 'x'), 403, 'project-suspended', 'forbidden'],
    [new DomainError('not-found', 'some-code', 'x'), 404, 'not-found', 'not-found'],
    [new DomainError('too-many-requests', 'too-many-jobs', 'x'), 429, 'too-many-requests', 'throttled'],
    [new HttpStatusError(415), 415, undefined, 'not-supported'],
    [new NotFoundException('Cannot GET /secret'), 404, 'not-found', 'not-found'],
    [new HttpException('x', 413), 413, undefined, 'too-long'],
    [new HttpException('x', 418), 400, undefined, 'invalid'],
    [databaseError('40001'), 409, 'conflict', 'conflict'],
    [databaseError('57014'), 400, undefined, 'too-costly'],
    [
      Object.assign(new Error('x'), { code: 'FST_ERR_CTP_INVALID_CONTENT_LENGTH', statusCode: 400 }),
      400,
      undefined,
      'invalid',
    ],
  ])('%s', (error, status, id, code) => {
    expect(of(error)).toMatchObject({ status, code, unexpected: false });
    expect(of(error).id).toBe(id);
  });

  test('401 says how to authenticate', () => {
    expect(of(unauthorized()).headers['www-authenticate']).toContain('Bearer');
  });

  test('what passes says when to try again', () => {
    const busy = new DomainError('unavailable', 'database-busy', 'x', { retryAfterSeconds: 7 });
    expect([of(busy).status, of(busy).headers['retry-after']]).toEqual([503, '7']);
    expect([of(new StaleRights('2')).status, of(new StaleRights('2')).headers['retry-after']]).toEqual([503, '1']);
    expect(of(databaseError('57P01')).status).toBe(503);
    expect(of(databaseError('53300')).status).toBe(503);
  });

  test('405 names the methods that there are', () => {
    expect(of(new HttpStatusError(405, { allow: 'GET' })).headers['allow']).toBe('GET');
  });

  test.each([
    ['an error of ours', new Error('Secret')],
    ['an unexpected error of the database', databaseError('23505')],
    ['an internal outcome', internalError(new Error('Secret'))],
    ['an internal domain error', new DomainError('internal', 'seal-broken', 'Secret')],
    ['a failure of Nest', new HttpException('Secret', 500)],
    ['nothing at all', undefined],
    ['a text', 'Secret'],
  ])('%s is a 500 that says nothing', (_name, error) => {
    expect(of(error)).toMatchObject({ status: 500, unexpected: true, text: 'Internal server error' });
    expect(answerOf(error).body).not.toContain('Secret');
  });
});
