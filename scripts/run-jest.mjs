import { run } from './prepare.mjs';

/**
 * Runs Jest on the tests as they are built, and gives its exit status. Its parameters name tests by their sources
 * (`test/integration/store-create.test.ts`), whose lines are also those of every stack.
 */
export function runJest(parameters, env = process.env) {
  const named = parameters.map((parameter) => parameter.replace(/\.ts$/, '.js'));
  return run(process.execPath, ['--enable-source-maps', 'node_modules/jest/bin/jest.js', ...named], env);
}
