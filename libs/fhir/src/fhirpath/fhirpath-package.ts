/** The fhirpath package. It takes 150 ms and some 50 MB to load, so that happens when somebody first asks for it. */
import { createRequire } from 'node:module';
import type { Model } from 'fhirpath';
import { limitUnits } from './unit-limits.js';

const require = createRequire(import.meta.url);

let ready: typeof import('fhirpath') | undefined;

/**
 * The package, after it has prepared its parser: whoever limits the time of compiling means the expression. Units are limited
 * in all that the process evaluates from then on.
 */
export function fhirpathPackage(): typeof import('fhirpath') {
  if (ready === undefined) {
    ready = require('fhirpath') as typeof import('fhirpath');
    ready.compile('true');
    limitUnits(ready.ucumUtils as Parameters<typeof limitUnits>[0]);
  }
  return ready;
}

/** The package's data model of this name (`r4`, `r5`), without which it knows no types and no choice elements. */
export function fhirpathModel(name: string): Model {
  return require(`fhirpath/fhir-context/${name}`) as Model;
}
