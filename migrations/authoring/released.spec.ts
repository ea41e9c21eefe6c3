import { changedSchemas } from './released.js';

const released = {
  version: 1,
  name: 'One',
  checksum: '',
  schema: ['grant SELECT ON table slot TO :tenant_role', 'table slot'],
};

test('a schema that is what was released is none to speak of, and neither is one that was not released', () => {
  expect(changedSchemas([{ lines: released.schema }, { lines: ['table other'] }], [released])).toEqual([]);
});

test('a right that grants.ts has lost for a released schema is shown', () => {
  expect(changedSchemas([{ lines: ['table slot'] }], [released])).toEqual([
    expect.stringContaining('Schema 1 is not what was released'),
    '- grant SELECT ON table slot TO :tenant_role',
  ]);
});
