/** FHIRPath as its authors write it (https://hl7.org/fhirpath/), for expressions that customers bring along. */
import type { JsonObject } from '../json/json-value.js';
import { fhirpathModel, fhirpathPackage } from './fhirpath-package.js';
import { guestOptions } from './guest-options.js';

/**
 * What an expression gives for a resource: its items in order. `variables` are what `%name` stands for; an array is a
 * collection of several, or of none. Throws plain Errors for whatever goes wrong on the way.
 */
export type EvaluateExpression = (
  resource: JsonObject,
  variables: Readonly<Record<string, JsonObject | readonly JsonObject[]>>,
) => readonly unknown[];

/**
 * What compiles expressions about resources of a version, which has this model. It throws a plain Error for a text that is
 * no expression. Functions that would have to ask another server (`resolve`, `memberOf`) fail when they are evaluated.
 */
export function fhirpathCompiler(version: {
  readonly fhirpathModel: string;
}): (expression: string) => EvaluateExpression {
  const fhirpath = fhirpathPackage();
  const model = fhirpathModel(version.fhirpathModel);
  return (expression) => fhirpath.compile(expression, model, guestOptions) as EvaluateExpression;
}
