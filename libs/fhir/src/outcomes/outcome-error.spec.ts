import { operationOutcome } from './issue.js';
import {
  badRequest,
  conflict,
  forbidden,
  gone,
  internalError,
  invalidResource,
  multipleMatches,
  notFound,
  preconditionFailed,
  tooCostly,
  unauthorized,
  type OutcomeError,
} from './outcome-error.js';

describe('an outcome', () => {
  it.each<[OutcomeError, string | undefined, string, string]>([
    [unauthorized(), 'unauthorized', 'login', 'Unauthorized'],
    [forbidden(), 'forbidden', 'forbidden', 'Forbidden'],
    [notFound(), 'not-found', 'not-found', 'Not found'],
    [gone(), 'gone', 'deleted', 'Gone'],
    [conflict('taken'), 'conflict', 'conflict', 'taken'],
    [preconditionFailed('no'), 'precondition-failed', 'processing', 'no'],
    [multipleMatches(), 'multiple-matches', 'multiple-matches', 'More than one resource matches the condition'],
    [badRequest('bad'), undefined, 'invalid', 'bad'],
    [tooCostly('long'), undefined, 'too-costly', 'long'],
  ])('%s has the id and issue code that clients know', (error, id, code, text) => {
    expect(operationOutcome(error.outcomeId, error.issues)).toEqual({
      resourceType: 'OperationOutcome',
      ...(id === undefined ? {} : { id }),
      issue: [{ severity: 'error', code, details: { text } }],
    });
  });

  it('names the element that is wrong', () => {
    const { issues } = badRequest('bad date', { code: 'value', expression: ['Patient.birthDate'] });
    expect(operationOutcome(undefined, issues)).toEqual({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'error', code: 'value', details: { text: 'bad date' }, expression: ['Patient.birthDate'] }],
    });
  });

  it('carries all issues of an invalid resource, also in its message', () => {
    const issues = ['a', 'b'].map((text) => ({ severity: 'error' as const, code: 'value', text }));
    expect(invalidResource(issues)).toMatchObject({ category: 'invalid', issues, message: 'a; b' });
  });

  it('about a fault of ours tells the client nothing of the cause', () => {
    const error = internalError(new Error('password is wrong'));
    expect(JSON.stringify(operationOutcome(error.outcomeId, error.issues))).not.toContain('password');
    expect(error.cause).toEqual(new Error('password is wrong'));
  });
});
