/**
 * Write constraints of access policies: FHIRPath expressions that say in which states, and from which to which, somebody
 * may bring a resource. They come from the people who write policies, so whatever is wrong with one refuses the write.
 */
import { LRUCache } from 'lru-cache';
import {
  fhirpathCompiler,
  isTooLargeExpression,
  TimeBudget,
  type EvaluateExpression,
  type FhirVersion,
  type JsonObject,
} from '#fhir';

/** What a write makes of what. */
export interface WrittenStates {
  /** The stored resource; undefined when the write makes a new one. */
  readonly before: JsonObject | undefined;
  /** The finished resource. */
  readonly after: JsonObject;
}

/**
 * For all constraints of one write, with compiling them: nothing else is done in the process meanwhile, for other projects
 * neither. An ordinary one takes less than a millisecond, so a busy machine may be a thousand times slower.
 */
const maxMilliseconds = 1_000;

/** So long nothing is tried again that has taken all of the time, so that it does not take it again with each write. */
const restMilliseconds = 10_000;

/** An expression means the same for every project, so they share what was compiled of it; `false` is none. */
const compiled = new LRUCache<string, EvaluateExpression | false>({ max: 500 });

/** Until when lists of constraints rest; a list belongs to the policy of one member. */
const resting = new WeakMap<readonly string[], number>();

/**
 * Whether each of `expressions` gives exactly one `true` for the finished resource; `%before` is the stored one (empty
 * on create), `%after` the finished one. Anything else counts as false: nothing, several values, another value than a
 * boolean, no expression at all, a failure, one that is too large, or work that takes too long; what took too long is
 * not tried again for ten seconds. Never throws for an expression.
 */
export function constraintsHold(
  version: Pick<FhirVersion, 'fhirpathModel'>,
  expressions: readonly string[],
  { before, after }: WrittenStates,
): boolean {
  if (expressions.length === 0) return true;
  if (expressions.some(isTooLargeExpression) || (resting.get(expressions) ?? 0) > performance.now()) return false;
  const budget = new TimeBudget(maxMilliseconds);
  const tests: EvaluateExpression[] = [];
  for (const expression of expressions) {
    const evaluate = compiledOnce(version, expression, budget);
    if (evaluate === false) return false;
    tests.push(evaluate);
  }
  const variables = { before: before ?? [], after, resource: after, rootResource: after };
  const holds = (evaluate: EvaluateExpression): boolean => {
    const result = attempted(() => evaluate(after, variables));
    return result?.length === 1 && result[0] === true;
  };
  const outcome = budget.spend(() => tests.every(holds));
  if ('done' in outcome) return outcome.done;
  if (outcome.ranOut === 'itself') resting.set(expressions, performance.now() + restMilliseconds);
  return false;
}

/** The compiled expression; false for a text that is none, or on which compiling takes too long. */
function compiledOnce(
  version: Pick<FhirVersion, 'fhirpathModel'>,
  expression: string,
  budget: TimeBudget,
): EvaluateExpression | false {
  const key = `${version.fhirpathModel} ${expression}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const compile = fhirpathCompiler(version);
  const outcome = budget.spend(() => attempted(() => compile(expression)) ?? false);
  if ('done' in outcome) compiled.set(key, outcome.done);
  else if (outcome.ranOut === 'itself') compiled.set(key, false, { ttl: restMilliseconds });
  return 'done' in outcome && outcome.done;
}

/** The package throws whatever it finds wrong with an expression or with the resource that it is evaluated on. */
function attempted<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
