import { isOperationKind, operationKinds } from './kinds.js';

describe('operation kinds', () => {
  test('names every kind that this release can run', () => {
    expect(operationKinds).toEqual([
      'project.create',
      'project.delete',
      'project.purge',
      'project.rotate-admin-client',
      'project.configure',
      'cluster.register',
    ]);
    for (const kind of operationKinds) expect(isOperationKind(kind)).toBe(true);
  });

  test('does not take a kind of another release, or a member of Object, for one of ours', () => {
    for (const kind of ['project.teleport', 'toString', '__proto__', '']) expect(isOperationKind(kind)).toBe(false);
  });
});
