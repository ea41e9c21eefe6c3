/** `node scripts/run.mjs <file under dist> …`: one program of ours, prepared first, with the remaining arguments. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root, stopWithNpm } from './prepare.mjs';

const [program, ...parameters] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node scripts/run.mjs <file under dist> [arguments]');
  process.exit(2);
}
prepare();
stopWithNpm();
const file = path.join(root, 'dist', program);
process.argv = [process.argv[0], file, ...parameters];
await import(pathToFileURL(file).href);
