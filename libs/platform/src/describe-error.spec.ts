import { describeError } from './describe-error.js';

test('an error is shown by its type, message, code, stack and causes, and by nothing that hangs on it', () => {
  const cause = Object.assign(new TypeError('inner'), { detail: 'Key (name)=(Jane Doe) already exists.' });
  const error = Object.assign(new Error('outer', { cause }), { code: '23505', client: { password: 'hunter2' } });
  const shown = describeError(error);
  expect(shown).toMatchObject({
    type: 'Error',
    message: 'outer',
    code: '23505',
    cause: { type: 'TypeError', message: 'inner' },
  });
  expect(shown.stack).toContain('describe-error.spec');
  expect(JSON.stringify(shown)).not.toMatch(/hunter2|Jane Doe/);
});

test('an error that is its own cause does not run for ever', () => {
  const error = new Error('loop');
  error.cause = error;
  expect(JSON.stringify(describeError(error)).match(/"message":"loop"/g)?.length).toBeLessThan(10);
});

test('a value that PostgreSQL quotes is not shown', () => {
  const error = Object.assign(new Error('invalid input syntax for type integer: "Jane Doe"'), { code: '22P02' });
  const shown = describeError(error);
  expect(shown.message).toBe('invalid input syntax for type integer: "…"');
  expect(shown.stack).toContain('describe-error.spec');
  expect(JSON.stringify(shown)).not.toContain('Jane');
});

test('what is thrown and no error is not shown', () => {
  expect(describeError('Jane Doe')).toEqual({ type: 'string', message: 'something that is no Error was thrown' });
  expect(describeError(undefined)).toMatchObject({ type: 'undefined' });
});
