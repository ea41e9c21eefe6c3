/** Steps in which faults can come, and which show afterwards how often they ran. */
import type { SyntheticMigration } from './rollout-fleet.fixture.js';

/** A step that shows how often it ran. */
export const countedStep = (number: number): SyntheticMigration => ({
  name: `Counted${number}`,
  statements: [
    ...(number === 1
      ? ['CREATE TABLE step_log (step integer NOT NULL)', 'ALTER TABLE resource ADD counted integer']
      : []),
    `INSERT INTO step_log VALUES (${number})`,
    `ALTER TABLE resource ALTER counted SET DEFAULT ${number}`,
  ],
});

/** Rows of each backfill. */
export const rowsToFill = 40;

/** Steps of each kind take turns. */
export const kindOfStep = (number: number): 'counted' | 'filled' | 'indexed' =>
  (['indexed', 'counted', 'filled'] as const)[number % 3]!;

/** Long enough to be met by a fault. */
export const lasting = 'SELECT pg_sleep(0.05)';

/** A step that lasts long enough to be met by a fault: in a transaction, outside one, or with a backfill behind it. */
export function stepOfEachKind(number: number): SyntheticMigration {
  switch (kindOfStep(number)) {
    case 'counted': {
      const step = countedStep(number);
      return { ...step, statements: [...step.statements, lasting] };
    }
    case 'filled':
      return {
        name: `Filled${number}`,
        statements: [
          `CREATE TABLE filled_${number} (id integer PRIMARY KEY, times integer NOT NULL DEFAULT 0)`,
          `INSERT INTO filled_${number} (id) SELECT generate_series(1, ${rowsToFill})`,
          lasting,
        ],
        backfill: {
          batch: `WITH picked AS (SELECT id FROM filled_${number} WHERE id > coalesce($1, '0')::integer ORDER BY id LIMIT $2),
            changed AS (UPDATE filled_${number} SET times = times + 1 WHERE id IN (SELECT id FROM picked))
            SELECT max(id)::text AS watermark, count(*)::integer AS rows FROM picked`,
          batchSize: 10,
          pauseMs: 5,
        },
      };
    case 'indexed':
      return {
        name: `Indexed${number}`,
        transaction: false,
        statements: [
          `CREATE INDEX CONCURRENTLY IF NOT EXISTS indexed_${number} ON resource (counted)`,
          lasting,
          `REINDEX INDEX CONCURRENTLY indexed_${number}`,
          `DROP INDEX CONCURRENTLY IF EXISTS indexed_${number - 3}`,
        ],
      };
  }
}
