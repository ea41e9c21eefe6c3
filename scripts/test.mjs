/**
 * `npm test`: the checks that read the code, then every test; the first check that fails ends the run. `--deep` runs
 * the property, fuzz and fault tests at full size. Other arguments go to jest, whose closing lines come last and whose
 * exit status is ours.
 */
import { prepare, run } from './prepare.mjs';

const checks = ['format:check', 'lint', 'typecheck', 'boundaries', 'unused', 'migration:check'];
const parameters = process.argv.slice(2);
const jestParameters = parameters.filter((parameter) => parameter !== '--deep');
const env = parameters.includes('--deep') ? { ...process.env, BOXYARD_DEEP: '1' } : process.env;

prepare();
for (const check of checks) {
  console.log(`\n== ${check}`);
  const status = run('npm', ['run', '--silent', check], env);
  if (status !== 0) {
    console.error(`\n${check} failed.`);
    process.exit(status);
  }
}
console.log('\n== tests');
process.exit(
  run(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      ...jestParameters,
    ],
    env,
  ),
);
