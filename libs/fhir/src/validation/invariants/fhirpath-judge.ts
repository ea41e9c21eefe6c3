/**
 * Invariants evaluated as HL7 wrote them, by the fhirpath package. It takes 150 ms and some 50 MB to load, so that
 * happens when the first element needs it.
 */
import { createRequire } from 'node:module';
import type { Model } from 'fhirpath';
import type { InvariantTest } from './invariant-test.js';
import { noValue } from './paths.js';

const require = createRequire(import.meta.url);

/** The test of `expression` on elements at `base`: a definition's name, or that of a definition's member. */
export function fhirpathJudge(modelName: string, base: string, expression: string): InvariantTest {
  let evaluate: ReturnType<typeof load> | undefined;
  return (element, { resource, rootResource }) => {
    if (element === noValue) return undefined;
    evaluate ??= load(modelName, base, expression);
    let result: unknown[];
    try {
      result = evaluate(element, { resource, rootResource, context: element });
    } catch {
      // HL7's expressions fail on some resources that they do not expect, such as several items in place of one. That
      // tells nothing about the resource.
      return undefined;
    }
    return result.length === 0 ? undefined : result[0] !== false;
  };
}

function load(modelName: string, base: string, expression: string) {
  const fhirpath = require('fhirpath') as typeof import('fhirpath');
  const model = require(`fhirpath/fhir-context/${modelName}`) as Model;
  // Some expressions trace what they find, which would go to the console.
  const options = { traceFn: () => undefined };
  return fhirpath.compile({ base, expression }, model, options) as (
    element: unknown,
    variables: Record<string, unknown>,
  ) => unknown[];
}
