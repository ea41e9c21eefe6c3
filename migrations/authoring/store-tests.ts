import { spawnSync } from 'node:child_process';
import { Refusal } from './refusal.js';

/** Runs the tests of the store against databases of this schema. Throws a Refusal when one fails. */
export function runStoreTests(version: number, say: (line: string) => void): void {
  say(`tests      of the store on schema ${version} …`);
  const jest = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const what = ['test/integration/store-', '--selectProjects', 'integration', '--silent'];
  const { status } = spawnSync('env', [`BOXYARD_TENANT_SCHEMA=${version}`, process.execPath, ...jest, ...what], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Refusal(`The tests of the store fail on schema ${version}; see above.`);
}
