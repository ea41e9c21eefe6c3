export { type SchemaStep, schemaSteps } from './schema-step.js';
export {
  appliedSchema,
  migrateSchema,
  type SchemaChange,
  type SchemaMigrationOptions,
  schemaVersion,
} from './migrate-schema.js';
export { failureOf, SchemaError, type SchemaFailure } from './schema-errors.js';
export { runBackfill, type BackfillOptions, type BackfillProgress } from './backfill.js';
