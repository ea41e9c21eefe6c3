/** The policy of a member, made of the rules that hold for it. */
import { LRUCache } from 'lru-cache';
import type { JsonObject } from '#fhir';
import { matchesCriteria, type Criterion } from '#fhir-search';
import { type AccessPolicy, type Grant, type Interaction, type JudgedResource } from './access-policy.js';
import { describePolicy } from './describe-policy.js';
import {
  chartType,
  effectiveRules,
  type DroppedRule,
  type EffectiveRules,
  type PolicyInput,
} from './rules/effective-rules.js';
import { positionOf } from './rules/interaction-set.js';
import {
  grantFor,
  hiddenIn,
  isGrantedFully,
  limitsOf,
  rulesForType,
  rulesGranting,
  type RuleContext,
  type TypeRule,
} from './rules/type-rules.js';

/** The policy of a member, and where it comes from. */
export interface EffectivePolicy extends AccessPolicy {
  /** The AccessPolicies that it was made of, `AccessPolicy/1`, in the order of the entries of the membership. */
  readonly basedOn: readonly string[];
  /** What stands in those policies and grants nothing, for the log. */
  readonly dropped: readonly DroppedRule[];
  /** `AccessPolicy.ipAccessRule` of all of them, for `ipAccess`. */
  readonly ipAccessRules: readonly JsonObject[];
  /** Whether the scopes of the log-in limit what the policies grant. */
  readonly isScoped: boolean;
  /** The effective AccessPolicy resource: all rules with their variables filled in, each copy by itself. */
  describe(): JsonObject;
}

/**
 * The policy of the member that `input` tells of. Throws nothing, whatever stands in the resources: what cannot be
 * understood grants nothing.
 */
export function effectivePolicy(input: PolicyInput): EffectivePolicy {
  const rules = effectiveRules(input);
  const { id } = input.membership;
  const { version, ownBaseUrls } = input;
  const context = { version, ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }) };
  return new MemberPolicy(context, rules, typeof id === 'string' ? id : '');
}

/** What is known of a type for one interaction. */
interface View {
  readonly rules: readonly TypeRule[];
  readonly limits: readonly Criterion[] | undefined;
  readonly hidden: readonly string[];
  readonly isFull: boolean;
}

/** The rules for one type, and the view that each interaction has of them, made when first asked for. */
interface TypeViews {
  readonly rules: readonly TypeRule[];
  readonly views: (View | undefined)[];
}

/**
 * The compiled rules of all policies of the process, by policy and type, so that what they take has one limit whatever
 * the number of members: about 3 MiB. What was put out is compiled again, which takes some 30 microseconds.
 */
const compiled = new LRUCache<string, TypeViews>({
  maxSize: 3 * 1024 * 1024,
  sizeCalculation: ({ rules }) => 600 + rules.reduce((size, rule) => size + sizeOf(rule), 0),
});

/** About how many bytes a rule takes. */
const sizeOf = ({ criteria }: TypeRule): number => 200 + JSON.stringify(criteria).length * 2;

let policiesMade = 0;

class MemberPolicy implements EffectivePolicy {
  readonly reason: string;
  readonly projectAdmin: boolean;
  readonly isAdministrator: boolean;
  readonly accounts: readonly string[];
  readonly basedOn: readonly string[];
  readonly dropped: readonly DroppedRule[];
  readonly ipAccessRules: readonly JsonObject[];
  readonly isScoped: boolean;
  /** Tells this policy from all others of the process. */
  private readonly serial = ++policiesMade;
  /** What the member may do without the scopes of the log-in, where there are any. */
  private readonly unscoped: MemberPolicy | undefined;

  constructor(
    private readonly context: RuleContext,
    private readonly effective: EffectiveRules,
    membershipId: string,
  ) {
    const { admin, isAdministrator, accounts, basedOn, dropped, ipAccessRules } = effective;
    this.reason = [`${admin ? 'project admin' : 'member'} ProjectMembership/${membershipId}`, ...basedOn].join(' ');
    this.projectAdmin = admin;
    this.isAdministrator = isAdministrator;
    this.accounts = accounts;
    this.basedOn = basedOn;
    this.dropped = dropped;
    this.ipAccessRules = ipAccessRules;
    this.isScoped = effective.unscoped !== undefined;
    this.unscoped =
      effective.unscoped &&
      new MemberPolicy(context, { ...effective, rules: effective.unscoped, unscoped: undefined }, membershipId);
  }

  grants(interaction: Interaction, type: string): boolean {
    return this.view(interaction, type).rules.length > 0;
  }

  limits(interaction: Interaction, type: string): readonly Criterion[] | undefined {
    return this.view(interaction, type).limits;
  }

  grantFor(interaction: Interaction, resource: JudgedResource): Grant | undefined {
    const granting = this.firstOf(this.view(interaction, resource.type).rules, resource);
    return granting && grantFor(interaction, granting);
  }

  grantsFully(interaction: Interaction, type: string): boolean {
    return this.view(interaction, type).isFull;
  }

  hiddenFieldsOf(interaction: Interaction, type: string): readonly string[] {
    return this.view(interaction, type).hidden;
  }

  get chartLimit(): AccessPolicy['chartLimit'] {
    const scoped = this.view('read', chartType);
    const { rules, limits } = scoped.rules.length > 0 ? scoped : (this.unscoped?.view('read', chartType) ?? scoped);
    if (rules.length === 0 && !this.effective.readsCharts) return undefined;
    return limits?.length === 0 ? undefined : (patient) => this.firstOf(rules, patient) !== undefined;
  }

  describe(): JsonObject {
    return describePolicy(this.context.version, this.effective);
  }

  private firstOf(rules: readonly TypeRule[], resource: JudgedResource): TypeRule | undefined {
    const { version, ownBaseUrls } = this.context;
    const judging = ownBaseUrls === undefined ? {} : { ownBaseUrls };
    return rules.find(
      ({ criteria, isByFiling, accepts }) =>
        (criteria.length === 0 || matchesCriteria(version, criteria, judgedBy(isByFiling, resource), judging)) &&
        (accepts === undefined || accepts(resource.value)),
    );
  }

  private view(interaction: Interaction, type: string): View {
    const { rules, views } = this.viewsOf(type);
    return (views[positionOf(interaction)] ??= viewOf(rulesGranting(rules, interaction), interaction));
  }

  private viewsOf(type: string): TypeViews {
    const key = `${this.serial} ${type}`;
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const made = { rules: rulesForType(this.context, type, this.effective.rules), views: [] };
    // Names of types may come from clients; those of no type are not kept.
    if (this.context.version.isResourceType(type)) compiled.set(key, made);
    return made;
  }
}

/** As little of the resource as the criteria need. */
const judgedBy = (isByFiling: boolean, resource: JudgedResource): JsonObject =>
  (isByFiling ? resource.filing : undefined) ?? resource.value;

function viewOf(rules: readonly TypeRule[], interaction: Interaction): View {
  return {
    rules,
    limits: limitsOf(rules),
    hidden: hiddenIn(rules),
    isFull: isGrantedFully(rules, interaction),
  };
}
