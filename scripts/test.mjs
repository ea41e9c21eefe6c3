/**
 * `npm test`: the checks that read the code, as many at a time as there are processors, then every test; the first check
 * that fails ends the run. `--deep` runs the property, fuzz and fault tests at full size. Other arguments go to jest,
 * whose closing lines come last and whose exit status is ours.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { makeMemoryFolder, remove } from './memory-folder.mjs';
import { prepareTests, root } from './prepare.mjs';
import { runJest } from './run-jest.mjs';

// The slowest first, so that the others go on beside it.
const checks = ['lint', 'typecheck', 'boundaries', 'unused', 'migration:check', 'format:check'];
const parameters = process.argv.slice(2);
const jestParameters = parameters.filter((parameter) => parameter !== '--deep');
const env = parameters.includes('--deep') ? { ...process.env, BOXYARD_DEEP: '1' } : process.env;

prepareTests();
await Promise.all(Array.from({ length: availableParallelism() }, checkOneByOne));
console.log('\n== tests');
const memory = makeMemoryFolder();
const status = runJest(jestParameters, memory === undefined ? env : { ...env, TMPDIR: memory });
if (memory !== undefined) remove(memory);
process.exit(status);

/** Takes the next check until none is left. */
async function checkOneByOne() {
  for (let check = checks.shift(); check !== undefined; check = checks.shift()) {
    const { status, output } = await runAndCollect('npm', ['run', '--silent', check]);
    console.log(`\n== ${check}\n${output.trim()}`);
    if (status === 0) continue;
    console.error(`\n${check} failed.`);
    process.exit(status);
  }
}

/** Runs a program beside others: what it prints comes in one piece. */
function runAndCollect(command, parameters) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', (error) => resolve({ status: 1, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ status: code ?? 1, output }));
  });
}
