import { spawnSync } from 'node:child_process';
import { lastRelease, withCodeOf } from './earlier-code.js';
import { Refusal } from './refusal.js';

/** Makes the databases of tests; who asks it for one is a test to which the schema matters. */
const fixture = 'dist/test/integration/tenant-schema.fixture.js';

/**
 * What jest is told so that it runs every test that works in tenant databases of the schema that is asked for: those of the
 * store and, over HTTP, of the data plane. Tests of schemas and rollouts choose their own.
 */
export const testsOnSchema = [
  '--selectProjects',
  'integration',
  '--testPathIgnorePatterns',
  'test/integration/(rollout|schema)-',
  '--findRelatedTests',
  fixture,
] as const;

/** Runs the tests of the store and of the data plane in databases of this schema. Throws a Refusal when one fails. */
export function runTests(version: number, say: (line: string) => void): void {
  say(`tests      of the store and the data plane on schema ${version}, for some minutes …`);
  if (!pass(version, '.', say)) throw new Refusal(`Tests fail on schema ${version}; see above.`);
}

/**
 * Runs the same tests as the release before had them, with its code, in databases of this schema: its data planes serve
 * them when a rollout begins. Throws a Refusal when one fails.
 */
export function runEarlierTests(version: number, say: (line: string) => void): void {
  const release = lastRelease();
  if (release === undefined) {
    say('tests      of the release before: skipped, git knows of none (a tag v…)');
    return;
  }
  say(`tests      of ${release} on schema ${version}, for some minutes …`);
  withCodeOf(release, (folder) => {
    if (pass(version, folder, say)) return;
    throw new Refusal(`The code of ${release} does not work with schema ${version}; see above.`);
  });
}

/** Builds and runs them; says how many tests passed, or shows what jest has to say of those that did not. */
function pass(version: number, folder: string, say: (line: string) => void): boolean {
  for (const script of ['build', 'build:tests']) {
    const { status } = spawnSync('npm', ['run', '--silent', script], { cwd: folder, stdio: 'inherit' });
    if (status !== 0) return false;
  }
  const jest = [process.execPath, '--enable-source-maps', 'node_modules/jest/bin/jest.js'];
  const { status, stderr } = spawnSync('env', [`BOXYARD_TENANT_SCHEMA=${version}`, ...jest, ...testsOnSchema], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  const lines = stderr.split('\n');
  if (status === 0) {
    say(
      `           ${lines
        .find((line) => line.startsWith('Tests:'))
        ?.slice('Tests:'.length)
        .trim()}`,
    );
    return true;
  }
  process.stderr.write(lines.filter((line) => !line.startsWith('PASS ')).join('\n'));
  return false;
}
