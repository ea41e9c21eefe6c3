import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { hasInSchema, servesSchema } from './schema-features.js';

test.each([
  [7, 7, true],
  [6, 7, true],
  [5, 7, false],
  [1, 7, false],
  [8, 7, true],
  [30, 7, true],
  [1, 1, true],
  [1, 2, true],
  [0, 1, false],
])('a database of schema %i is served by the release of schema %i: %s', (has, newest, served) => {
  expect(servesSchema(has, newest)).toBe(served);
});

test('this release serves its own schema and the one before it', () => {
  expect(servesSchema(TENANT_SCHEMA_VERSION)).toBe(true);
  expect(servesSchema(TENANT_SCHEMA_VERSION - 1)).toBe(true);
  expect(servesSchema(TENANT_SCHEMA_VERSION - 2)).toBe(false);
});

test('what a migration has added is there from its schema on', () => {
  expect(hasInSchema({ schemaVersion: 1 }, 'deletionsInAudit')).toBe(false);
  expect(hasInSchema({ schemaVersion: 2 }, 'deletionsInAudit')).toBe(true);
  expect(hasInSchema({ schemaVersion: 3 }, 'deletionsInAudit')).toBe(true);
});
