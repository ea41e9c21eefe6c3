/**
 * Invariants evaluated as HL7 wrote them, by the fhirpath package. It takes 150 ms and some 50 MB to load, so that
 * happens when the first element needs it.
 */
import { fhirpathModel, fhirpathPackage } from '../../fhirpath/fhirpath-package.js';
import type { InvariantTest } from './invariant-test.js';
import { noValue } from './paths.js';

/** The test of `expression` on elements at `base`: a definition's name, or that of a definition's member. */
export function fhirpathJudge(modelName: string, base: string, expression: string): InvariantTest {
  let evaluate: ReturnType<typeof load> | undefined;
  return (element, { resource, rootResource, judging }) => {
    if (element === noValue) return undefined;
    const judge = (evaluate ??= load(modelName, base, expression));
    const variables = { resource, rootResource, context: element };
    const evaluated = () => resultOf(judge, element, variables);
    const result = judging === undefined ? evaluated() : judging.spend(evaluated);
    return result.length === 0 ? undefined : result[0] !== false;
  };
}

/**
 * HL7's expressions fail on some resources that they do not expect, such as several items in place of one. That tells nothing
 * about the resource.
 */
function resultOf(evaluate: ReturnType<typeof load>, element: unknown, variables: Record<string, unknown>): unknown[] {
  try {
    return evaluate(element, variables);
  } catch {
    return [];
  }
}

function load(modelName: string, base: string, expression: string) {
  const fhirpath = fhirpathPackage();
  const model = fhirpathModel(modelName);
  // Some expressions trace what they find, which would go to the console.
  const options = { traceFn: () => undefined };
  return fhirpath.compile({ base, expression }, model, options) as (
    element: unknown,
    variables: Record<string, unknown>,
  ) => unknown[];
}
