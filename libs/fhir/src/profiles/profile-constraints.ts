/**
 * The constraints of a profile (https://hl7.org/fhir/R4/conformance-rules.html#constraints). They come from whoever wrote the
 * profile, so nothing that is wrong with one may harm: it is left out, or has no answer, and then it breaks nothing.
 */
import type { ConstraintDocument } from '../definitions/constraint-document.js';
import { fhirpathModel, fhirpathPackage } from '../fhirpath/fhirpath-package.js';
import { isTooLargeExpression } from '../fhirpath/expression-size.js';
import { guestOptions } from '../fhirpath/guest-options.js';
import { isJsonObject, type JsonObject } from '../json/json-value.js';
import { parseCanonical } from '../terminology/canonical.js';
import { compileInvariant } from '../validation/invariants/compile-invariant.js';
import type { InvariantTest } from '../validation/invariants/invariant-test.js';
import { noValue, type StructureOf } from '../validation/invariants/paths.js';
import type { Constraint } from './profile.js';

export interface ConstraintContext {
  readonly structure: StructureOf;
  readonly constraints: Pick<ConstraintDocument, 'rules'>;
  readonly fhirpathModel: string;
}

/** What the constraints of an element are about. */
export interface ConstrainedPlace {
  /** For messages. */
  readonly path: string;
  /** The name of a definition, or that of a definition's member. */
  readonly base: string;
  /** The types that values may have. */
  readonly types: readonly string[];
}

/** What an element of a profile may have; more are left out. */
const maxConstraints = 50;

/**
 * The constraints of severity error that a profile puts on an element. Those that it repeats of the type itself are left
 * out: they are checked anyway. What cannot be checked is told to `note`.
 */
export function profileConstraints(
  context: ConstraintContext,
  { constraint }: JsonObject,
  { path, base, types }: ConstrainedPlace,
  note: (text: string) => void,
): Constraint[] {
  const own = (Array.isArray(constraint) ? constraint : [])
    .filter(isJsonObject)
    .filter((one) => one.severity === 'error' && !isInherited(context, one));
  if (own.length > maxConstraints)
    note(`${path} has more than ${maxConstraints} constraints; the others are not checked.`);
  return own.slice(0, maxConstraints).flatMap(({ key, human, expression }) => {
    const name = typeof key === 'string' ? key : 'a constraint';
    const problem = problemOf(expression);
    if (typeof expression !== 'string' || problem !== undefined) {
      note(`${path}: ${name} is not checked: ${problem}.`);
      return [];
    }
    const judge = fhirpathTest(context.fhirpathModel, base, expression);
    const test = compileInvariant(context.structure, types, expression, judge) ?? judge;
    return [{ key: name, human: typeof human === 'string' ? human : '', expression, test }];
  });
}

/** Why an expression is not evaluated; undefined when it is. */
function problemOf(expression: unknown): string | undefined {
  if (typeof expression !== 'string' || expression.trim() === '') return 'it has no expression';
  if (isTooLargeExpression(expression)) return 'its expression is too large';
  return /\b(?:resolve|memberOf)\s*\(/.test(expression) ? 'it needs more than the resource' : undefined;
}

/** Whether a snapshot has the constraint from the type that the profile constrains. */
function isInherited({ structure, constraints }: ConstraintContext, { key, expression, source }: JsonObject): boolean {
  if (key === 'ele-1') return true;
  if (typeof source === 'string' && source.startsWith(standardPrefix)) {
    const name = parseCanonical(source).url.slice(standardPrefix.length);
    if (abstractTypes.has(name) || structure(name) !== undefined) return true;
  }
  return constraints.rules.some((rule) => rule.key === key && rule.expression === expression);
}

const standardPrefix = 'http://hl7.org/fhir/StructureDefinition/';
const abstractTypes = new Set(['Resource', 'DomainResource', 'Element', 'BackboneElement']);

/** The test by the fhirpath package, which compiles when the first value needs it. */
function fhirpathTest(modelName: string, base: string, expression: string): InvariantTest {
  let evaluate: Evaluate | undefined;
  return (element, { resource, rootResource }) => {
    if (element === noValue) return undefined;
    evaluate ??= compiled(modelName, base, expression);
    try {
      const result = evaluate(element, { resource, rootResource, context: element });
      return result.length === 0 ? undefined : result[0] !== false;
    } catch {
      // Expressions fail on what they do not expect. That tells nothing about the resource.
      return undefined;
    }
  };
}

type Evaluate = (element: unknown, variables: Record<string, unknown>) => unknown[];

/** A text that is no expression has no answer. */
function compiled(modelName: string, base: string, expression: string): Evaluate {
  const model = fhirpathModel(modelName);
  try {
    return fhirpathPackage().compile({ base, expression }, model, guestOptions) as Evaluate;
  } catch {
    return () => [];
  }
}
