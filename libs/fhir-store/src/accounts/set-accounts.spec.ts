import { joinChanges } from './set-accounts.js';

describe('what is to be carried over', () => {
  it('is the difference between the accounts before and after', () => {
    expect(joinChanges(undefined, ['a', 'b'], ['b', 'c'])).toEqual({ added: ['c'], removed: ['a'] });
    expect(joinChanges(undefined, ['a'], ['a'])).toEqual({ added: [], removed: [] });
  });

  it('is what an earlier call has left, when it is repeated', () => {
    expect(joinChanges({ added: ['c'], removed: ['a'] }, ['c'], ['c'])).toEqual({ added: ['c'], removed: ['a'] });
  });

  it('takes back what an earlier call has begun to add, and gives back what it has begun to take', () => {
    expect(joinChanges({ added: ['b'], removed: ['a'] }, ['b'], ['c'])).toEqual({ added: ['c'], removed: ['a', 'b'] });
    expect(joinChanges({ added: ['b'], removed: ['a'] }, ['b'], ['a'])).toEqual({ added: ['a'], removed: ['b'] });
  });
});
