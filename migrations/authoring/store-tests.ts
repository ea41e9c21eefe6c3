import { spawnSync } from 'node:child_process';
import { lastRelease, withCodeOf } from './earlier-code.js';
import { Refusal } from './refusal.js';

/** Runs the tests of the store against databases of this schema. Throws a Refusal when one fails. */
export function runStoreTests(version: number, say: (line: string) => void): void {
  say(`tests      of the store on schema ${version} …`);
  if (!pass(version, '.')) throw new Refusal(`The tests of the store fail on schema ${version}; see above.`);
}

/**
 * Runs the tests of the store as the release before had them, with its code, against databases of this schema: its data
 * planes serve them when a rollout begins. Throws a Refusal when one fails.
 */
export function runEarlierStoreTests(version: number, say: (line: string) => void): void {
  const release = lastRelease();
  if (release === undefined) {
    say('tests      of the release before: skipped, git knows of none (a tag v…)');
    return;
  }
  say(`tests      of the store of ${release} on schema ${version} …`);
  withCodeOf(release, (folder) => {
    const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: folder, stdio: 'inherit' });
    if (status === 0 && pass(version, folder)) return;
    throw new Refusal(`The code of ${release} does not work with schema ${version}; see above.`);
  });
}

function pass(version: number, folder: string): boolean {
  const jest = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const what = ['test/integration/store-', '--selectProjects', 'integration', '--silent'];
  const { status } = spawnSync('env', [`BOXYARD_TENANT_SCHEMA=${version}`, process.execPath, ...jest, ...what], {
    cwd: folder,
    stdio: 'inherit',
  });
  return status === 0;
}
