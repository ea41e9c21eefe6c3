export { type SchemaStep, schemaSteps } from './schema-step.js';
export {
  appliedSchema,
  migrateSchema,
  type SchemaChange,
  type SchemaMigrationOptions,
  schemaVersion,
} from './migrate-schema.js';
export { hasContent, verifySchema } from './verify-schema.js';
export { failureOf, SchemaError, type SchemaFailure } from './schema-errors.js';
export { runBackfill, type BackfillOptions, type BackfillProgress } from './backfill.js';
export { lockForecast, type LockForecast, stepForecast, type StatementForecast } from './locks/lock-forecast.js';
export { describeWithGrants, schemaDescription, type SchemaDescription } from './catalog/schema-description.js';
export { schemaDrift } from './catalog/schema-drift.js';
export { judgeStep, type StepFinding } from './locks/judge-step.js';
