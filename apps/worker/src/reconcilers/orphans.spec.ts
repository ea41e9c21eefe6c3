import type { TenantDatabase, TenantDatabaseState } from '#control-database';
import { findOrphans, type MarkedObject } from './orphans.js';

const row = (id: string, state: TenantDatabaseState) => ({ id, databaseName: `fp_${id}`, state }) as TenantDatabase;
const database = (id: string): MarkedObject => ({ what: 'database', name: `fp_${id}`, tenantDatabaseId: id });
const role = (id: string): MarkedObject => ({ what: 'role', name: `fp_role_${id}`, tenantDatabaseId: id });

describe('orphans', () => {
  test('are databases and roles without a row, and those whose row says they were dropped', () => {
    const { unaccounted } = findOrphans(
      [],
      [database('kept'), role('kept'), database('lost'), role('gone')],
      [row('kept', 'claimed'), row('gone', 'dropped')],
    );
    expect(unaccounted).toEqual([database('lost'), role('gone')]);
  });

  test('are copies of templates that nobody looks at any more', () => {
    const copy: MarkedObject = { what: 'database', name: 'boxyard_expected', tenantDatabaseId: null };
    expect(findOrphans([], [copy, database('kept')], [row('kept', 'claimed')]).unaccounted).toEqual([copy]);
  });

  test('are not databases that are just being built or dropped', () => {
    const objects = [database('new'), role('new'), role('old')];
    const rows = [row('new', 'building'), row('old', 'trash')];
    expect(findOrphans(rows, objects, rows)).toEqual({
      unaccounted: [],
      missing: [],
    });
  });

  test('include rows whose database is not there, and was not just made or dropped', () => {
    const steady = [row('a', 'spare'), row('b', 'claimed'), row('c', 'building'), row('d', 'trash')];
    const before = [...steady, row('dropped since', 'claimed')];
    const after = [...steady, row('dropped since', 'dropped'), row('made since', 'spare')];
    const { missing } = findOrphans(before, [database('a')], after);
    expect(missing).toEqual([{ tenantDatabaseId: 'b', databaseName: 'fp_b' }]);
  });
});
