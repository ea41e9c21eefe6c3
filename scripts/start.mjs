/** `npm start`: the whole platform in one process tree, from whatever state the checkout is in. */
import { prepare, stopWithNpm } from './prepare.mjs';

prepare();
stopWithNpm();
await import('../dist/apps/standalone/src/main.js');
