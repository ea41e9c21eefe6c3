/** `npm run jest -- …`: some of the tests, prepared first. */
import { prepareTests } from './prepare.mjs';
import { runJest } from './run-jest.mjs';

prepareTests();
process.exit(runJest(process.argv.slice(2)));
