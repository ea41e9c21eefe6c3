/**
 * Which rules hold for a member, in order: those of the policies that the membership names, each with the variables of its
 * access entry, narrowed by the scopes of the log-in. What cannot be understood grants nothing and is told in `dropped`.
 */
import { isJsonObject, type FhirVersion, type JsonObject, type JsonValue } from '#fhir';
import { adminRules, controlRules } from './admin-rules.js';
import { checkRule } from './check-rule.js';
import { compileRule } from './compile-rule.js';
import { includes, type InteractionSet } from './interaction-set.js';
import { protectionOf } from './protected-types.js';
import { anyType, ruleTemplate, type RuleTemplate } from '../templates/rule-template.js';
import {
  bind,
  countChoices,
  countCopies,
  maxCopies,
  separateChoices,
  textOfVariable,
  unresolvedNames,
} from './rule-copies.js';
import { costOf, maxPolicyCost } from './rule-cost.js';
import { smartScopes, type ScopeTerm } from '../smart-scopes.js';
import { fill, parseTemplate, variableNames } from '../templates/template-text.js';
import { entryVariables, isReferenceText, literalReference, type Variables } from '../templates/variables.js';

/** What the rights of a member follow from. All of it was read in one snapshot of the project's database. */
export interface PolicyInput {
  readonly version: FhirVersion;
  /** Base URLs of the project's FHIR API, each ending in a slash: references below them are local ones. */
  readonly ownBaseUrls?: readonly string[];
  readonly projectId: string;
  /** The ProjectMembership as stored. */
  readonly membership: JsonObject;
  /** By `AccessPolicy/id`, those of the policies that the membership names that exist in this project. */
  readonly policies: ReadonlyMap<string, JsonObject>;
  /** The scopes of the log-in between blanks; empty for none. */
  readonly scope: string;
  /** `Patient/id` when an app was launched for a patient; otherwise the profile counts, if it is a Patient. */
  readonly launchPatient?: string;
}

/** A rule as it holds for the member. */
export interface EffectiveRule {
  /** A type, or `*`. */
  readonly type: string;
  /** True for what was written as `*`, even where a scope has made one type of it. */
  readonly fromAnyType: boolean;
  readonly interactions: InteractionSet;
  readonly template: RuleTemplate;
  readonly variables: Variables;
  readonly scope?: ScopeTerm;
}

/** Something in a policy that grants nothing although it stands there. */
export interface DroppedRule {
  /** `AccessPolicy/1`, and the position of the rule in it. */
  readonly policy: string;
  readonly position?: number;
  readonly why: string;
}

export interface EffectiveRules {
  readonly rules: readonly EffectiveRule[];
  /** The rules as they are without the scopes of the log-in; undefined when they are the same. */
  readonly unscoped: readonly EffectiveRule[] | undefined;
  /** Whether a rule for reading Patients stands in one of the policies, of those too that grant nothing. */
  readonly readsCharts: boolean;
  readonly dropped: readonly DroppedRule[];
  /** `AccessPolicy/1`, each once, in the order of the entries. */
  readonly basedOn: readonly string[];
  readonly accounts: readonly string[];
  readonly ipAccessRules: readonly JsonObject[];
  /** Whether the member is an administrator, and whether the scopes of the log-in are so wide that they include that. */
  readonly isAdministrator: boolean;
  readonly admin: boolean;
}

const noVariables: Variables = new Map();

/** The type whose resources are the charts of patients. */
export const chartType = 'Patient';

/** Reads a membership and its policies. Throws nothing, whatever stands in them. */
export function effectiveRules(input: PolicyInput): EffectiveRules {
  const { version, membership } = input;
  const entries = accessEntries(membership);
  const scopes = smartScopes(input.scope, patientOf(input));
  let left = maxPolicyCost;
  const found = entries.map((entry) => {
    const rights = entryRights(input, entry, scopes, left);
    left -= rights.cost;
    return rights;
  });
  const admin = membership['admin'] === true;
  const stored =
    entries.length === 0 ? builtIn(version, [{ resourceType: anyType }]) : found.flatMap(({ rules }) => rules);
  const ordinary = stored.filter(({ template }) => protectionOf(template.type) !== 'administration');
  // What administrators manage comes first, so that no rule of a policy hides a part of it from them.
  const known = [...(admin ? builtIn(version, [...adminRules(input.projectId), ...controlRules]) : []), ...ordinary];
  const rules = narrowedBy(scopes, known);
  // The last entry that has a compartment says where new resources are filed unless they name another one.
  const filings = found.flatMap(({ accounts }) => (accounts === undefined ? [] : [accounts])).reverse();
  return {
    rules: [...rules, ...builtIn(version, schemaRules(found))],
    unscoped: scopes === undefined ? undefined : known,
    readsCharts: found.some(({ readsCharts }) => readsCharts),
    dropped: found.flatMap(({ dropped }) => dropped),
    basedOn: [...new Set(found.flatMap(({ policy }) => policy ?? []))],
    accounts: [...new Set(filings.flat())],
    ipAccessRules: found.flatMap(({ ipAccessRules }) => ipAccessRules),
    isAdministrator: admin,
    // To administer the project is more than any scope but the widest asks for.
    admin: admin && (scopes === undefined || scopes.some(({ isEverything }) => isEverything)),
  };
}

interface AccessEntry {
  readonly policy: string | undefined;
  readonly variables: Variables;
}

/** `accessPolicy`, then `access`. What is malformed stays an entry, because no entry at all would grant everything. */
function accessEntries({ accessPolicy, access, profile }: JsonObject): AccessEntry[] {
  const own = literalReference(profile);
  const entries: AccessEntry[] = [];
  if (accessPolicy !== undefined) {
    entries.push({ policy: literalReference(accessPolicy), variables: entryVariables(undefined, own) });
  }
  for (const entry of access === undefined ? [] : Array.isArray(access) ? access : [access]) {
    const { policy, parameter } = isJsonObject(entry) ? entry : {};
    entries.push({ policy: literalReference(policy), variables: entryVariables(parameter, own) });
  }
  return entries;
}

interface EntryRights {
  readonly policy?: string;
  readonly rules: readonly EffectiveRule[];
  readonly dropped: readonly DroppedRule[];
  /** The types that its rules name, those of dropped rules too. */
  readonly named: ReadonlySet<string>;
  /** Whether one of its rules is for reading Patients, of dropped rules too. */
  readonly readsCharts: boolean;
  /** Undefined when the policy has no compartment. */
  readonly accounts?: readonly string[];
  readonly ipAccessRules: readonly JsonObject[];
  /** What the entry has taken of what all entries may cost together. */
  readonly cost: number;
}

function entryRights(
  input: PolicyInput,
  { policy, variables }: AccessEntry,
  scopes: readonly ScopeTerm[] | undefined,
  costLeft: number,
): EntryRights {
  const stored = policy === undefined ? undefined : input.policies.get(policy);
  const nothing = { rules: [], named: new Set<string>(), readsCharts: false, ipAccessRules: [], cost: 1 };
  if (policy === undefined || stored === undefined) {
    const why = policy === undefined ? 'the access entry names no policy of the project' : 'there is no such policy';
    return { ...nothing, dropped: [{ policy: policy ?? 'unknown', why }] };
  }
  const rules = listOf(stored['resource']);
  const ipAccessRules = listOf(stored['ipAccessRule']).filter(isJsonObject);
  if (rules.length > costLeft || costLeft <= 0) {
    // Not even read; so it is taken to be about everything.
    const named = new Set(rules.map(typeNamedBy));
    return { ...nothing, policy, named, readsCharts: true, dropped: [{ policy, why: tooMuch }], ipAccessRules };
  }
  const templates = rules.map((rule) => templateOf(input.version, rule));
  const compartment = isJsonObject(stored['compartment']) ? stored['compartment']['reference'] : undefined;
  return {
    policy,
    ...fillIn(input, policy, templates, { variables, scopes, costLeft }),
    named: new Set(templates.map(({ type }) => type)),
    readsCharts: templates.some(
      ({ type, interactions }) => (type === chartType || type === anyType) && includes(interactions, 'read'),
    ),
    ...(typeof compartment === 'string' ? { accounts: referencesIn(compartment, variables) } : {}),
    ipAccessRules,
  };
}

const tooMuch = 'with it the rules of the membership are more than one may have';

interface Filling {
  readonly variables: Variables;
  readonly scopes: readonly ScopeTerm[] | undefined;
  readonly costLeft: number;
}

/**
 * The rules of an entry that can grant something. More copies of one than there may be, or more than may be compiled for
 * one member: the entry grants nothing.
 */
function fillIn(
  { version, ownBaseUrls }: PolicyInput,
  policy: string,
  templates: readonly RuleTemplate[],
  { variables, scopes, costLeft }: Filling,
): Pick<EntryRights, 'rules' | 'dropped' | 'cost'> {
  const found = new Map<number, EffectiveRule>();
  const dropped: DroppedRule[] = [];
  const refused = (why: string, position: number) => ({
    rules: [],
    dropped: [...dropped, { policy, position, why }],
    cost: templates.length,
  });
  let cost = templates.length;
  for (const [position, template] of templates.entries()) {
    const unresolved = unresolvedNames(template, variables);
    if (template.problem !== undefined) dropped.push({ policy, position, why: template.problem });
    else if (unresolved.length > 0) {
      const names = unresolved.map((name) => `%${name}`).join(', ');
      dropped.push({ policy, position, why: `no value for ${names}` });
    } else if (countCopies(template, variables) > maxCopies) {
      return refused(`the variables of a rule have more than ${maxCopies} combinations of values`, position);
    } else {
      const { type, interactions } = template;
      const rule = { type, fromAnyType: type === anyType, interactions, template, variables };
      cost += costOf(template, variables, narrowedBy(scopes, [rule]).length) - 1;
      if (cost > costLeft) return refused(tooMuch, position);
      found.set(position, rule);
    }
  }
  for (const [position, rule] of found) {
    // References fit wherever the check of the template has put one; of texts only a look at each can tell.
    if (!version.isResourceType(rule.type) || !hasTexts(rule.template, variables)) continue;
    const { problems } = compileRule(version, rule.type, { ...rule, scopePairs: [] }, ownBaseUrls);
    dropped.push(...problems.map((why) => ({ policy, position, why })));
  }
  return { rules: [...found.values()], dropped, cost };
}

const hasTexts = ({ criteriaVariables }: RuleTemplate, variables: Variables): boolean =>
  [...criteriaVariables].some((name) => variables.get(name)?.some(({ kind }) => kind === 'string'));

const templateOf = (version: FhirVersion, rule: JsonValue): RuleTemplate =>
  ruleTemplate(version, rule, (template) => checkRule(version, template));

const typeNamedBy = (rule: JsonValue): string =>
  isJsonObject(rule) && typeof rule['resourceType'] === 'string' ? rule['resourceType'] : '';

/** The references that a text with variables stands for: one for each value. */
function referencesIn(text: string, variables: Variables): string[] {
  const template = parseTemplate(text);
  const names = [...variableNames([template])];
  const references: string[] = [];
  if (countChoices(names, variables) > maxCopies) return references;
  for (const choice of separateChoices(names, variables)) {
    const bound = bind((variable) => textOfVariable(variable, choice));
    const reference = fill(template, bound.valueOf);
    if (!bound.failed() && isReferenceText(reference)) references.push(reference);
  }
  return references;
}

function builtIn(version: FhirVersion, rules: readonly JsonObject[]): EffectiveRule[] {
  return rules.map((rule) => {
    const template = templateOf(version, rule);
    return {
      type: template.type,
      fromAnyType: template.type === anyType,
      interactions: template.interactions,
      template,
      variables: noVariables,
    };
  });
}

/** What rules still grant under the scopes, if there are any: each once for each that meets it. */
function narrowedBy(
  scopes: readonly ScopeTerm[] | undefined,
  rules: readonly EffectiveRule[],
): readonly EffectiveRule[] {
  return scopes === undefined ? rules : rules.flatMap((rule) => narrowed(rule, scopes));
}

function narrowed(rule: EffectiveRule, scopes: readonly ScopeTerm[]): EffectiveRule[] {
  return scopes.flatMap((scope) => {
    const interactions = rule.interactions & scope.interactions;
    const type = rule.type === anyType ? scope.type : rule.type;
    const meets = scope.type === anyType || scope.type === type;
    return meets && interactions !== 0 ? [{ ...rule, type, interactions, scope }] : [];
  });
}

/** Clients read what resources look like from these; so everybody may, unless a policy says something about them. */
function schemaRules(entries: readonly EntryRights[]): JsonObject[] {
  const types = ['StructureDefinition', 'SearchParameter'];
  const unnamed = types.filter((type) => !entries.some(({ named }) => named.has(type)));
  return unnamed.map((resourceType) => ({ resourceType, readonly: true }));
}

function patientOf({ launchPatient, membership }: PolicyInput): string | undefined {
  const patient = launchPatient ?? literalReference(membership['profile']);
  return patient?.startsWith('Patient/') ? patient : undefined;
}

const listOf = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);
