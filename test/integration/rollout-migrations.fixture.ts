/** The migrations that tests of rollouts roll out, whom they spare, and what they look for afterwards. */
import type { MaintenanceWindow } from '#control-database';
import { baseVersion, counted, type RolloutFleet, type SyntheticMigration } from './rollout-fleet.fixture.js';

/** The schema after one more step than the fleet has at first. */
export const first = baseVersion + 1;
/** The schema after two more. */
export const second = baseVersion + 2;
/** This schema and all before it. */
export const upTo = (version: number): number[] => Array.from({ length: version }, (_, index) => index + 1);

/** Refuses, in its second statement, what one project's data may hold. */
export const constrained: SyntheticMigration = {
  name: 'Constrained',
  statements: ['SELECT 1', `ALTER TABLE client_secret ADD CONSTRAINT no_bad CHECK (client_id <> 'bad')`],
};

/** Puts what `constrained` refuses into a project's database. */
export async function spoil(fleet: RolloutFleet, slug: string): Promise<void> {
  await fleet.inTenant(fleet.project(slug), `INSERT INTO client_secret (client_id, secret_hash) VALUES ('bad', '')`);
}

/** Takes it out again. */
export async function mend(fleet: RolloutFleet, slug: string): Promise<void> {
  await fleet.inTenant(fleet.project(slug), `DELETE FROM client_secret WHERE client_id = 'bad'`);
}

/** The first counted step, and a contract step that takes back what it has added. */
export const contracted: readonly SyntheticMigration[] = [
  counted[0]!,
  { name: 'Contract', phase: 'contract', statements: ['ALTER TABLE resource DROP counted_once'] },
];

/** Makes a table `big`, of which a backfill fills so many rows, ten at a time; a row tells how often it was touched. */
export const filling = (rows: number): SyntheticMigration => ({
  name: 'Filled',
  statements: [
    'CREATE TABLE big (id integer PRIMARY KEY, twice integer, touched integer NOT NULL DEFAULT 0)',
    `INSERT INTO big (id) SELECT generate_series(1, ${rows})`,
  ],
  backfill: {
    batch: `WITH batch AS (SELECT id FROM big WHERE id > coalesce($1, '0')::integer ORDER BY id LIMIT $2),
      done AS (UPDATE big SET twice = 2 * big.id, touched = touched + 1 FROM batch WHERE big.id = batch.id RETURNING big.id)
      SELECT max(id)::text AS watermark, count(*)::integer AS rows FROM done`,
    batchSize: 10,
    pauseMs: 1,
  },
});

/** Waves of which the first is one project. */
export const onlyFirst = (fleet: RolloutFleet): { projects: string[] }[] => [{ projects: [fleet.project('p0').id] }];

/** A maintenance window that opens in more than twenty hours. */
export function closedWindow(): MaintenanceWindow {
  const hour = String((new Date().getUTCHours() + 22) % 24).padStart(2, '0');
  return { days: [], from: `${hour}:00`, until: `${hour}:01` };
}

/** Nothing of any step behind the fleet's first schema is in these databases. */
export async function expectUntouched(fleet: RolloutFleet, ...slugs: string[]): Promise<void> {
  const truth = await fleet.truth();
  for (const slug of slugs) {
    expect(truth.find((each) => each.slug === slug)).toEqual({ slug, versions: upTo(baseVersion), steps: [] });
  }
}
