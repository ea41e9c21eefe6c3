/** The effective policy as an AccessPolicy resource, for people and for clients that judge with it themselves. */
import type { FhirVersion, JsonObject } from '#fhir';
import { compileRule } from './rules/compile-rule.js';
import { fillQuery } from './templates/criteria-template.js';
import type { EffectiveRule, EffectiveRules } from './rules/effective-rules.js';
import { fillExpression } from './templates/expression-template.js';
import { allInteractions, interactionsIn, readonlyInteractions, type InteractionSet } from './rules/interaction-set.js';
import { protectionOf } from './rules/protected-types.js';
import { bind, separateCopies, textOfVariable, type Choice } from './rules/rule-copies.js';
import type { Variables } from './templates/variables.js';

/**
 * The rules with their variables filled in, one element for each copy, in order; what grants nothing is left out. `basedOn`
 * lists the policies that they come from.
 */
export function describePolicy(version: FhirVersion, effective: EffectiveRules): JsonObject {
  const { rules, basedOn, accounts, ipAccessRules } = effective;
  const [account] = accounts;
  return {
    resourceType: 'AccessPolicy',
    ...(basedOn.length === 0 ? {} : { basedOn: basedOn.map((reference) => ({ reference })) }),
    ...(account === undefined ? {} : { compartment: { reference: account } }),
    resource: rules.flatMap((rule) => describeRule(version, rule)),
    ...(ipAccessRules.length === 0 ? {} : { ipAccessRule: [...ipAccessRules] }),
  };
}

function describeRule(version: FhirVersion, rule: EffectiveRule): JsonObject[] {
  if (protectionOf(rule.type) === 'closed') return [];
  const copies = separateCopies(rule.template, rule.variables);
  return (isSound(version, rule, rule.variables) ? copies : copies.filter((copy) => isSound(version, rule, copy))).map(
    (copy) => describeCopy(rule, copy),
  );
}

/** Whether every copy grants something. Of types that do not exist, and of all types at once, nobody can tell. */
function isSound(version: FhirVersion, rule: EffectiveRule, variables: Variables): boolean {
  if (!version.isResourceType(rule.type)) return true;
  const parts = { template: rule.template, variables, scopePairs: rule.scope?.pairs ?? [] };
  return compileRule(version, rule.type, parts, undefined).problems.length === 0;
}

function describeCopy({ type, interactions, template, scope }: EffectiveRule, copy: Choice): JsonObject {
  const { hiddenFields, readonlyFields, constraints } = template;
  // Whatever has no value has made its copy grant nothing before it comes here.
  const { valueOf } = bind((variable) => textOfVariable(variable, copy));
  const queries = [template.query === undefined ? '' : fillQuery(template.query, valueOf), scope?.query ?? ''];
  const query = queries.filter((part) => part !== '').join('&');
  const expressions = constraints.map((constraint) => fillExpression(constraint, valueOf));
  return {
    resourceType: type,
    ...(query === '' ? {} : { criteria: `${type}?${query}` }),
    ...describeInteractions(interactions),
    ...(hiddenFields.length === 0 ? {} : { hiddenFields: [...hiddenFields] }),
    ...(readonlyFields.length === 0 ? {} : { readonlyFields: [...readonlyFields] }),
    ...(expressions.length === 0
      ? {}
      : { writeConstraint: expressions.map((expression) => ({ language: 'text/fhirpath', expression })) }),
  };
}

function describeInteractions(set: InteractionSet): JsonObject {
  if (set === allInteractions) return {};
  return set === readonlyInteractions ? { readonly: true } : { interaction: interactionsIn(set) };
}
