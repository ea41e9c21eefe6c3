/**
 * FHIRPath as its authors write it (https://hl7.org/fhirpath/), for expressions that customers bring along. The fhirpath
 * package takes 150 ms and some 50 MB to load, so that happens when the first compiler is made.
 */
import { createRequire } from 'node:module';
import type { Model } from 'fhirpath';
import type { JsonObject } from '../json/json-value.js';
import { guestOptions } from './guest-options.js';
import { limitUnits } from './unit-limits.js';

const require = createRequire(import.meta.url);

/**
 * What an expression gives for a resource: its items in order. `variables` are what `%name` stands for; an array is a
 * collection of several, or of none. Throws plain Errors for whatever goes wrong on the way.
 */
export type EvaluateExpression = (
  resource: JsonObject,
  variables: Readonly<Record<string, JsonObject | readonly JsonObject[]>>,
) => readonly unknown[];

/**
 * What compiles expressions about resources of a version, which has this model. It throws a plain Error for a text that is no expression.
 * Functions that would have to ask another server (`resolve`, `memberOf`) fail when they are evaluated.
 */
export function fhirpathCompiler({
  fhirpathModel,
}: {
  readonly fhirpathModel: string;
}): (expression: string) => EvaluateExpression {
  const fhirpath = fhirpathPackage();
  const model = require(`fhirpath/fhir-context/${fhirpathModel}`) as Model;
  return (expression) => fhirpath.compile(expression, model, guestOptions) as EvaluateExpression;
}

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
