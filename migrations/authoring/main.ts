/**
 * What authors of migrations run: `npm run migration:create`, `migration:check` and `migration:release`. It works on the
 * sources in the current folder. Exit status: 0 when all is well, 1 when something is to be put right, 2 when it was
 * called in another way than `usage` says.
 */
import { checkMigrations } from './check-migrations.js';
import { createMigration } from './create-migration.js';
import { releaseMigrations } from './release-migrations.js';
import { Refusal } from './refusal.js';

const usage = `usage: npm run migration:create tenant|control <name-of-the-migration>
       npm run migration:check [-- --tests]
       npm run migration:release`;

async function run([verb, ...rest]: readonly string[]): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const [first, second, more] = rest;
  if (verb === 'create' && second !== undefined && more === undefined && (first === 'tenant' || first === 'control')) {
    say(await createMigration(first, second, Date.now()));
  } else if (verb === 'check' && (rest.length === 0 || (rest.length === 1 && first === '--tests'))) {
    await checkMigrations({ withTests: first === '--tests', say });
  } else if (verb === 'release' && rest.length === 0) {
    say(await releaseMigrations());
  } else {
    throw new Refusal(usage, 2);
  }
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitStatus;
}
