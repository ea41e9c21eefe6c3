import { readdirSync } from 'node:fs';
import path from 'node:path';
import { tenantMigrations } from '#migrations/tenant';
import { schemaDrift, schemaSteps, type SchemaStep } from '#tenant-schema';
import { judgeSources } from './judge-sources.js';
import { describeEachSchema } from './new-schema.js';
import { Refusal } from './refusal.js';
import { changedSchemas, readReleased, type ReleasedStep } from './released.js';
import { withScratchServer } from './scratch-server.js';
import { runEarlierTests, runTests } from './tests-on-schema.js';
import { upgradeFullDatabase } from './upgrade.js';

interface CheckOptions {
  /** Whether the tests of store and data plane also run on both schemas, those of the release before on the newest one. */
  readonly withTests: boolean;
  readonly say: (line: string) => void;
}

/**
 * Looks over the migrations of tenant databases: what is written, then on a PostgreSQL of its own an empty database, a
 * full one of the previous release, and both again. Says what was done. Throws a Refusal with everything that is wrong
 * with the first of these that fails.
 */
export async function checkMigrations({ withTests, say }: CheckOptions): Promise<void> {
  const steps = await schemaSteps(tenantMigrations);
  const released = readReleased();
  const newest = steps.length;

  refuse(await judgeSources(steps, released, readdirSync(path.resolve('migrations/tenant'))));
  const unreleased = newest - released.length;
  say(`sources    ${newest} migrations, ${unreleased} not released yet: nothing that blocks a database in use`);

  await withScratchServer(async (server) => {
    const schemas = await describeEachSchema(await server.database(), steps);
    refuse(changedSchemas(schemas, released));
    refuse(openToEverybody(schemas.at(-1)?.lines ?? []));
    say(`empty      0 -> ${newest}: ${schemas.at(-1)?.lines.length ?? 0} lines of schema`);

    const before = previousSchema(steps, released);
    if (before === undefined) {
      say(`full       skipped: schema ${newest} is the only one, and nothing has been released`);
      return;
    }
    const expected = schemas.at(-1) ?? { lines: [], fingerprint: '' };
    const upgrade = await upgradeFullDatabase(await server.database(), steps, before);
    refuse(upgrade.problems);
    refuse(
      schemaDrift(expected.lines, upgrade.schema.lines),
      'A database that was upgraded is not like one that was made anew (- new, + upgraded). Is a GRANT missing in ' +
        'grants.ts, or in the migration?',
    );
    const origin = before <= released.length ? 'released' : 'not released yet';
    say(`full       ${before} (${origin}) -> ${newest}, ${upgrade.rows} rows: ${upgrade.durations.join(', ')}`);
    say(`again      nothing changes`);
  });

  if (!withTests) {
    say('tests      skipped: npm run migration:check -- --tests runs those of store and data plane on both schemas');
    return;
  }
  for (const version of newest > 1 ? [newest - 1, newest] : [newest]) runTests(version, say);
  if (unreleased > 0) runEarlierTests(newest, say);
}

/** The schema that databases have now, before the migrations that are new: the last released one, if any is. */
function previousSchema(steps: readonly SchemaStep[], released: readonly ReleasedStep[]): number | undefined {
  if (steps.length < 2) return undefined;
  return released.length > 0 && released.length < steps.length ? released.length : steps.length - 1;
}

/** A new function may be run by everybody until that is revoked, and then it is granted to the project's role alone. */
function openToEverybody(lines: readonly string[]): string[] {
  return lines
    .filter((line) => line.endsWith(' TO PUBLIC'))
    .map((line) => `Nothing is for everybody: ${line}. Add a REVOKE … FROM PUBLIC to the migration.`);
}

function refuse(problems: readonly string[], heading?: string): void {
  if (problems.length === 0) return;
  throw new Refusal([...(heading === undefined ? [] : [heading]), ...problems].join('\n'));
}
