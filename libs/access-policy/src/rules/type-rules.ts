/** All that a member's rules say about one resource type. */
import type { FhirVersion, JsonObject } from '#fhir';
import { filedUnderCode, type Criterion } from '#fhir-search';
import { fullGrant, type Grant, type Interaction } from '../access-policy.js';
import { compileRule } from './compile-rule.js';
import type { EffectiveRule } from './effective-rules.js';
import { includes, interactionSet, type InteractionSet } from './interaction-set.js';
import { joinAlternatives, JoinedConjunction } from './merge-criteria.js';
import { deliverySecretPaths, holdsDeliverySecret, protectionOf } from './protected-types.js';
import { anyType } from '../templates/rule-template.js';

/** A rule for one type, everything filled in. */
export interface TypeRule {
  readonly interactions: InteractionSet;
  /** None: all resources of the type. */
  readonly criteria: readonly Criterion[];
  /** Whether the criteria look at nothing but what `JudgedResource.filing` holds. */
  readonly isByFiling: boolean;
  readonly grant: Grant;
  /** For writing only: what the criteria cannot say. */
  readonly accepts?: (resource: JsonObject) => boolean;
}

/** A rule before its neighbours have been joined with it. */
type CompiledTypeRule = Omit<TypeRule, 'isByFiling'>;

/** Whether all that the criterion looks at is the id and what the resource is filed under. */
const isByFiling = (criterion: Criterion): boolean =>
  criterion.kind === 'id' || (criterion.kind === 'token' && criterion.parameter.code === filedUnderCode);

/** Where rules are compiled. */
export interface RuleContext {
  readonly version: FhirVersion;
  readonly ownBaseUrls?: readonly string[];
}

const looking = interactionSet(['read', 'search']);
const writing = interactionSet(['create', 'update', 'delete']);

/** The rules for `type` in order; neighbours that differ in the values of one condition are one rule. */
export function rulesForType(
  { version, ownBaseUrls }: RuleContext,
  type: string,
  rules: readonly EffectiveRule[],
): readonly TypeRule[] {
  if (protectionOf(type) === 'closed' || !version.isResourceType(type)) return [];
  const found = new RuleList();
  for (const rule of rules) {
    if (rule.type !== type && rule.type !== anyType) continue;
    const parts = { ...rule, scopePairs: rule.scope?.pairs ?? [] };
    for (const copy of compileRule(version, type, parts, ownBaseUrls).rules) {
      for (const one of rule.fromAnyType
        ? protect(version, type, rule.interactions, copy)
        : [{ ...copy, interactions: rule.interactions }]) {
        found.add(one);
      }
    }
  }
  return found.rules();
}

/** What `*` grants of a type that is more than data. */
function protect(
  version: FhirVersion,
  type: string,
  granted: InteractionSet,
  { criteria, grant }: Pick<TypeRule, 'criteria' | 'grant'>,
): CompiledTypeRule[] {
  switch (protectionOf(type)) {
    case 'closed':
    case 'administration':
      return [];
    case 'control':
      return [{ interactions: granted & looking, criteria, grant }];
    case 'delivery': {
      const hiddenFields = [...new Set([...grant.hiddenFields, ...deliverySecretPaths(version)])];
      const accepts = (resource: JsonObject) => !holdsDeliverySecret(resource);
      return [
        { interactions: granted & looking, criteria, grant: { ...grant, hiddenFields } },
        { interactions: granted & writing, criteria, grant, accepts },
      ];
    }
    case 'open':
      return [{ interactions: granted, criteria, grant }];
  }
}

/** Rules in order, the last of which takes in neighbours that differ from it in the values of one condition. */
class RuleList {
  private readonly found: {
    readonly rule: CompiledTypeRule;
    readonly grant: string;
    readonly criteria: JoinedConjunction;
  }[] = [];

  add(rule: CompiledTypeRule): void {
    if (rule.interactions === 0) return;
    const last = this.found.at(-1);
    const grant = rule.grant === fullGrant ? '' : JSON.stringify(rule.grant);
    const isAlike =
      last?.grant === grant &&
      last.rule.interactions === rule.interactions &&
      last.rule.accepts === undefined &&
      rule.accepts === undefined;
    // A rule without criteria grants what the next one does too.
    if (isAlike && (last.rule.criteria.length === 0 || last.criteria.take(rule.criteria))) return;
    this.found.push({ rule, grant, criteria: new JoinedConjunction(rule.criteria) });
  }

  rules(): TypeRule[] {
    return this.found.map(({ rule, criteria: joined }) => {
      const criteria = joined.criteria();
      return { ...rule, criteria, isByFiling: criteria.every(isByFiling) };
    });
  }
}

/** The rules that take part in an interaction. */
export function rulesGranting(rules: readonly TypeRule[], interaction: Interaction): readonly TypeRule[] {
  const takesPart = (rule: TypeRule) => includes(rule.interactions, interaction);
  return rules.every(takesPart) ? rules : rules.filter(takesPart);
}

/** What the grant of a rule means for an interaction: readonly fields and constraints concern what is written only. */
export function grantFor(interaction: Interaction, { grant }: TypeRule): Grant {
  if (interaction === 'create' || interaction === 'update') return grant;
  return grant.hiddenFields.length === 0 ? fullGrant : { ...fullGrant, hiddenFields: grant.hiddenFields };
}

/**
 * What holds for exactly those resources that one of the rules grants. No criteria: all are; undefined: none.
 */
export function limitsOf(rules: readonly TypeRule[]): readonly Criterion[] | undefined {
  if (rules.some(({ criteria }) => criteria.length === 0)) return [];
  const alternatives = joinAlternatives(rules.map(({ criteria }) => criteria));
  const [first, ...others] = alternatives;
  if (first === undefined || others.length === 0) return first;
  return [{ kind: 'or', criteria: alternatives.map((criteria) => ({ kind: 'and', criteria })) }];
}

/** Whether the first rule that matters is the same full one for every resource. */
export function isGrantedFully(rules: readonly TypeRule[], interaction: Interaction): boolean {
  for (const rule of rules) {
    if (rule.accepts !== undefined || grantFor(interaction, rule) !== fullGrant) return false;
    if (rule.criteria.length === 0) return true;
  }
  return false;
}

/** All fields that one of the rules hides, each once. */
export function hiddenIn(rules: readonly TypeRule[]): readonly string[] {
  const hidden = new Set(rules.flatMap(({ grant }) => grant.hiddenFields));
  return hidden.size === 0 ? fullGrant.hiddenFields : [...hidden];
}
