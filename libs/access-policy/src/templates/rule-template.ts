/**
 * The rules of AccessPolicy resources, read once and shared by all members that have them. A rule is known by its content
 * and by nothing else, so it does not matter in which project or policy it stands.
 */
import { LRUCache } from 'lru-cache';
import { isJsonObject, type FhirVersion, type JsonObject, type JsonValue } from '#fhir';
import { escapeValue } from '#fhir-search';
import { compartmentCode, parseCriteriaTemplate, type CriteriaPair } from './criteria-template.js';
import { parseExpressionTemplate, type ExpressionTemplate } from './expression-template.js';
import {
  allInteractions,
  interactionSet,
  readonlyInteractions,
  type InteractionSet,
} from '../rules/interaction-set.js';
import { withRepeats } from '../fields/field-paths.js';
import { parseTemplate, variableNames } from './template-text.js';

/** Stands in a rule, or in a scope, for all types. */
export const anyType = '*';

/** An element of `AccessPolicy.resource` with variables in it. */
export interface RuleTemplate {
  /** A type, or `*`. */
  readonly type: string;
  readonly interactions: InteractionSet;
  readonly pairs: readonly CriteriaPair[];
  readonly hiddenFields: readonly string[];
  readonly readonlyFields: readonly string[];
  readonly constraints: readonly ExpressionTemplate[];
  /** The names of the variables in the criteria, and of those in the constraints. */
  readonly criteriaVariables: ReadonlySet<string>;
  readonly constraintVariables: ReadonlySet<string>;
  /** The criteria as they stand in the policy, without `Type?`; for people and clients to see. */
  readonly query: string | undefined;
  /** Why the rule can never grant anything, whoever has it. */
  readonly problem: string | undefined;
  /** How many characters it has, and how many places in which a variable stands. */
  readonly length: number;
  readonly places: number;
}

/** Beyond this a rule is read again each time, so that a few giants do not drive out all others. */
const maxRemembered = 16_384;
const templates = new LRUCache<string, RuleTemplate>({
  maxSize: 4 * 1024 * 1024,
  sizeCalculation: (_rule, key) => key.length,
});

/**
 * The template of a rule as it is stored. `check` tells what is wrong with the criteria in this FHIR version; it is asked
 * once for each content.
 */
export function ruleTemplate(
  version: FhirVersion,
  rule: JsonValue,
  check: (rule: RuleTemplate) => string | undefined,
): RuleTemplate {
  const key = `${version.id} ${JSON.stringify(rule)}`;
  const known = templates.get(key);
  if (known !== undefined) return known;
  const read = { ...readRule(isJsonObject(rule) ? rule : {}), length: key.length };
  const template = Object.freeze(read.problem === undefined ? { ...read, problem: check(read) } : read);
  if (key.length <= maxRemembered) templates.set(key, template);
  return template;
}

function readRule(rule: JsonObject): Omit<RuleTemplate, 'length'> {
  const type = typeof rule['resourceType'] === 'string' ? rule['resourceType'] : '';
  const { pairs, query, problem } = readCriteria(type, rule);
  const constraints = readConstraints(rule['writeConstraint']);
  const hiddenFields = pathsIn(rule['hiddenFields']);
  const readonlyFields = pathsIn(rule['readonlyFields']);
  const criteriaTexts = pairs.map(({ value }) => value);
  const constraintTexts = (constraints ?? []).flatMap((parts) => parts.map(({ template }) => template));
  return {
    type,
    interactions: interactionsOf(rule),
    pairs,
    hiddenFields: withRepeats(hiddenFields ?? []),
    readonlyFields: readonlyFields ?? [],
    constraints: constraints ?? [],
    criteriaVariables: variableNames(criteriaTexts),
    constraintVariables: variableNames(constraintTexts),
    places: [...criteriaTexts, ...constraintTexts].flat().filter((part) => typeof part !== 'string').length,
    query,
    problem:
      problem ??
      (constraints === undefined ? 'a write constraint is no FHIRPath expression' : undefined) ??
      (hiddenFields === undefined || readonlyFields === undefined ? 'a list of fields is no list of texts' : undefined),
  };
}

/** The parameters of `criteria`, and of `compartment`, the old form of `_compartment=`. */
function readCriteria(type: string, rule: JsonObject): Pick<RuleTemplate, 'pairs' | 'query' | 'problem'> {
  const pairs: CriteriaPair[] = [];
  const queries: string[] = [];
  const refused = (problem: string) => ({ pairs: [], query: undefined, problem });
  const { criteria, compartment } = rule;
  if (criteria !== undefined) {
    const text = typeof criteria === 'string' ? criteria : '';
    const read = parseCriteriaTemplate(type, text);
    if (typeof read === 'string') return refused(read);
    pairs.push(...read);
    queries.push(text.slice(type.length + 1));
  }
  if (compartment !== undefined) {
    const reference = isJsonObject(compartment) ? compartment['reference'] : undefined;
    if (typeof reference !== 'string' || reference === '') return refused('the compartment has no reference');
    pairs.push({ name: compartmentCode, value: parseTemplate(reference, escapeValue) });
    queries.push(`${compartmentCode}=${reference}`);
  }
  return { pairs, query: queries.length === 0 ? undefined : queries.join('&'), problem: undefined };
}

function interactionsOf({ interaction, readonly }: JsonObject): InteractionSet {
  if (interaction !== undefined) return interactionSet(Array.isArray(interaction) ? interaction : []);
  return readonly === true ? readonlyInteractions : allInteractions;
}

/** Undefined when one of them could not be evaluated: a constraint that is left out would let through what it forbids. */
function readConstraints(constraints: JsonValue | undefined): ExpressionTemplate[] | undefined {
  if (constraints === undefined) return [];
  if (!Array.isArray(constraints)) return undefined;
  const read: ExpressionTemplate[] = [];
  for (const constraint of constraints) {
    const { expression, language = fhirpath } = isJsonObject(constraint) ? constraint : {};
    if (typeof expression !== 'string' || language !== fhirpath) return undefined;
    read.push(parseExpressionTemplate(expression));
  }
  return read;
}

const fhirpath = 'text/fhirpath';

/** Undefined when something in it is no path: a field must not be shown because of how it was written down. */
function pathsIn(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every((path) => typeof path === 'string') ? value : undefined;
}
