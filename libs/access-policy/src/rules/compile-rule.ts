/** A rule of a member for one resource type: the criteria of its copies, and what each says of fields. */
import type { FhirVersion } from '#fhir';
import type { Criterion } from '#fhir-search';
import { fullGrant, type Grant } from '../access-policy.js';
import { compileCriteria, isProblem, type BoundPair } from './compile-criteria.js';
import type { CriteriaPair } from '../templates/criteria-template.js';
import { fillExpression } from '../templates/expression-template.js';
import { bind, joinedCopies, pairText, separateCopies, textOfVariable, type Choice } from './rule-copies.js';
import type { RuleTemplate } from '../templates/rule-template.js';
import type { Variables } from '../templates/variables.js';

/** One copy of a rule for one type. */
interface CompiledRule {
  /** None: all resources of the type. */
  readonly criteria: readonly Criterion[];
  readonly grant: Grant;
}

interface Compilation {
  readonly rules: readonly CompiledRule[];
  /** Why some copies grant nothing. */
  readonly problems: readonly string[];
}

interface RuleParts {
  readonly template: RuleTemplate;
  readonly variables: Variables;
  /** What must hold besides the criteria. */
  readonly scopePairs: readonly CriteriaPair[];
}

/** Compiles a rule whose variables all have values for resources of `type`. A copy that cannot be compiled is left out. */
export function compileRule(
  version: FhirVersion,
  type: string,
  rule: RuleParts,
  ownBaseUrls: readonly string[] | undefined,
): Compilation {
  const joined = joinedCopies(rule.template, rule.variables).map((copy) =>
    compileCopy(version, type, rule, copy, ownBaseUrls),
  );
  if (!joined.some((copy) => typeof copy === 'string')) return collect(joined);
  // One bad value among several takes away its own copy only.
  return collect(
    separateCopies(rule.template, rule.variables).map((copy) => compileCopy(version, type, rule, copy, ownBaseUrls)),
  );
}

function collect(copies: readonly (CompiledRule | string)[]): Compilation {
  return {
    rules: copies.filter((copy) => typeof copy !== 'string'),
    problems: [...new Set(copies.filter((copy) => typeof copy === 'string'))],
  };
}

function compileCopy(
  version: FhirVersion,
  type: string,
  { template, scopePairs }: RuleParts,
  choice: Choice,
  ownBaseUrls: readonly string[] | undefined,
): CompiledRule | string {
  const pairs: BoundPair[] = [];
  for (const pair of [...template.pairs, ...scopePairs]) {
    const text = pairText(pair, choice, acceptedBy(version, type, pair.name));
    if (text === undefined) return `a value does not fit the search parameter '${pair.name}'`;
    pairs.push([pair.name, text]);
  }
  const criteria = compileCriteria(version, type, pairs, ownBaseUrls);
  if (isProblem(criteria)) return criteria.problem;
  const constraints = fillConstraints(template, choice);
  return constraints === undefined
    ? 'a value does not fit a write constraint'
    : { criteria, grant: grantOf(template, constraints) };
}

/** The value of a date is a date: its prefix is syntax, and syntax stands in the policy. */
function acceptedBy(version: FhirVersion, type: string, name: string): ((text: string) => boolean) | undefined {
  const parameter = version.searchParameters(type).get(name.split(':', 1)[0] ?? '');
  return parameter?.type === 'date' ? (text) => /^\d/.test(text) : undefined;
}

function fillConstraints({ constraints }: RuleTemplate, choice: Choice): string[] | undefined {
  const bound = bind((variable) => textOfVariable(variable, choice));
  const filled = constraints.map((constraint) => fillExpression(constraint, bound.valueOf));
  return bound.failed() ? undefined : filled;
}

function grantOf({ hiddenFields, readonlyFields }: RuleTemplate, writeConstraints: readonly string[]): Grant {
  const isFull = hiddenFields.length + readonlyFields.length + writeConstraints.length === 0;
  return isFull ? fullGrant : { hiddenFields, readonlyFields, writeConstraints };
}
