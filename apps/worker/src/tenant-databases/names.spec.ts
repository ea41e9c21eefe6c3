import { isTenantName, ownerFromComment, ownershipComment, randomTenantName, trashName } from './names.js';

describe('names of tenant databases', () => {
  test('are random, have one form, and fit into a PostgreSQL identifier even as trash', () => {
    const names = Array.from({ length: 1000 }, randomTenantName);
    expect(new Set(names).size).toBe(1000);
    for (const name of names) {
      expect(isTenantName(name)).toBe(true);
      expect(name).toHaveLength(29);
      expect(trashName(name).length).toBeLessThanOrEqual(63);
    }
    // All 32 characters occur: none is lost by a wrong mask or alphabet.
    expect(new Set(names.join('').slice(3).replaceAll('fp_', '')).size).toBe(32);
  });

  test('do not take a name of another form for ours', () => {
    for (const name of [
      'fp_',
      'postgres',
      'fp_ABCDEFGHIJKLMNOPQRSTUVWXYZ',
      'trash_fp_abcdefghijklmnopqrstuvwxyz',
      '',
    ]) {
      expect(isTenantName(name)).toBe(false);
    }
  });
});

describe('the ownership comment', () => {
  test('names the row it was made for, and nothing of another cluster registration', () => {
    const comment = ownershipComment('cl_one', '0191');
    expect(ownerFromComment('cl_one', comment)).toBe('0191');
    expect(comment).toMatch(/^[a-z0-9_ -]+$/);
    expect(ownerFromComment('cl_two', comment)).toBeUndefined();
    expect(ownerFromComment('cl_one', null)).toBeUndefined();
    expect(ownerFromComment('cl_one', 'my own database')).toBeUndefined();
  });
});
