/** The walk over a resource by the rules of a profile. */
import { isJsonObject, type JsonObject } from '../json/json-value.js';
import type { Findings } from '../validation/findings.js';
import type { Scope } from '../validation/invariants/invariant-test.js';
import { noValue } from '../validation/invariants/paths.js';
import { isFixed, matchesPattern } from './fixed-values.js';
import type { ElementAccess, Item } from './instance-items.js';
import type { ElementRule, Profile, Slicing } from './profile.js';

/** How many profiles may lead to each other before the next one is left out. */
const maxSteps = 10;

export interface WalkContext {
  readonly access: ElementAccess;
  /** The profile with this canonical reference, if it is here. */
  readonly find: (canonical: string) => Profile | undefined;
  /** Whether texts may say what the profile demands, and not only where something breaks it. */
  readonly tellsContent: boolean;
}

type Code = Parameters<Findings['report']>[0];

export class ProfileWalk {
  constructor(
    private readonly context: WalkContext,
    private readonly findings: Findings,
    /** The profile that the resource claims: all that is found is told of it. */
    private readonly claimed: string,
    /** How many profiles have led here. */
    private readonly steps = 0,
  ) {}

  /** Holds a value to the profile and to those that it is made of. */
  apply(profile: Profile, item: Item, scope: Scope): void {
    if (this.steps >= maxSteps) return;
    const walk = new ProfileWalk(this.context, this.findings, this.claimed, this.steps + 1);
    // Profiles that are made of each other say nothing new.
    const chain = new Set<Profile>();
    for (let made: Profile | undefined = profile; made !== undefined && !chain.has(made); made = this.baseOf(made)) {
      chain.add(made);
    }
    for (const { type, root } of chain) {
      if (fits(type, item)) walk.value(root, item, scope);
      else walk.report('structure', 'is not of the type that it must be of', `must be of type ${type}`);
    }
  }

  private baseOf({ base }: Profile): Profile | undefined {
    return base === undefined ? undefined : this.context.find(base);
  }

  /** What the parent has under the element's name. */
  private element(rule: ElementRule, parent: Item, scope: Scope): void {
    const { findings } = this;
    if (findings.full || !findings.enter(rule.segment)) return;
    const items = this.context.access.items(parent, rule.name);
    this.count(rule, items.length);
    for (const item of items) this.at(item, () => this.value(rule, item, scopeOf(rule, item, scope, this.context)));
    if (rule.slicing !== undefined) this.slices(rule, rule.slicing, items, scope);
    findings.leave();
  }

  private at(item: Item, work: () => void): void {
    if (this.findings.full) return;
    if (item.index === undefined) return work();
    if (!this.findings.enter(item.index)) return;
    work();
    this.findings.leave();
  }

  private count({ min, max }: ElementRule, count: number): void {
    if (count < min) {
      const seldom = count === 0 ? 'is required' : 'is there too seldom';
      this.report('required', seldom, min === 1 ? 'is required' : `must be there ${min} times at least`);
    } else if (count > max) {
      const often = max === 0 ? 'must not be there' : `may be there ${max} times at most`;
      this.report('structure', 'is there too often', often);
    }
  }

  /** One value; nothing of it is looked at further when it is of a wrong type. */
  private value(rule: ElementRule, item: Item, scope: Scope): void {
    if (rule.types !== undefined && !rule.types.has(item.type)) {
      const names = [...rule.types].join(' or ');
      return this.report('structure', 'is not of a type that it may have', `must be of type ${names}`);
    }
    this.content(rule, item);
    for (const { key, human, test } of rule.constraints) {
      if (this.findings.full) return;
      if (test(item.value, scope) === false)
        this.report('invariant', 'breaks a rule', `breaks ${shortened(`${key}: ${human}`)}`);
    }
    const profiles = rule.typeProfiles.get(item.type);
    if (profiles !== undefined) this.typeProfiles(profiles, item, scope);
    for (const child of rule.children) this.element(child, item, scope);
  }

  private content({ fixed, pattern, maxLength, binding }: ElementRule, { value }: Item): void {
    const prescribed = 'does not have the value that it must have';
    if (fixed !== undefined && !isFixed(value, fixed)) {
      this.report('value', prescribed, `must be ${shortened(JSON.stringify(fixed))}`);
    }
    if (pattern !== undefined && !matchesPattern(value, pattern)) {
      this.report('value', prescribed, `must match ${shortened(JSON.stringify(pattern))}`);
    }
    if (maxLength !== undefined && typeof value === 'string' && value.length > maxLength) {
      this.report('value', 'is too long', `must not be longer than ${maxLength} characters`);
    }
    if (binding !== undefined && value !== noValue && !binding.isMet(value)) {
      const text = `must have a code from the value set ${shortened(binding.valueSet)}`;
      this.report('code-invalid', 'does not have a code that it may have', text);
    }
  }

  /** The value must satisfy one of the profiles. One that is not here could be it. */
  private typeProfiles(canonicals: readonly string[], item: Item, scope: Scope): void {
    const profiles = canonicals.map((canonical) => this.context.find(canonical));
    const [first, ...others] = profiles;
    if (first === undefined || others.includes(undefined)) return;
    if (others.length === 0) return this.apply(first, item, scope);
    const known = profiles.filter((profile) => profile !== undefined);
    if (known.some((profile) => this.satisfies(profile, item, scope))) return;
    this.report('structure', 'satisfies none of its profiles', `satisfies none of ${shortened(canonicals.join(', '))}`);
  }

  private satisfies(profile: Profile, item: Item, scope: Scope): boolean {
    const findings = this.findings.apart();
    new ProfileWalk(this.context, findings, this.claimed, this.steps).apply(profile, item, scope);
    return findings.issues.length === 0;
  }

  private slices(rule: ElementRule, { rules, slices, isWhole }: Slicing, items: readonly Item[], scope: Scope): void {
    const members = new Map(slices.map((slice) => [slice, [] as Item[]]));
    const outside: Item[] = [];
    let lastInside = -1;
    items.forEach((item, position) => {
      const slice = slices.find(({ has }) => has(item));
      if (slice === undefined) outside.push(item);
      else {
        members.get(slice)?.push(item);
        lastInside = position;
      }
    });
    for (const [slice, found] of members) {
      if (found.length < slice.rule.min) {
        this.report(
          'required',
          'does not have all that it must have',
          `must have the slice '${shortened(slice.name)}'`,
        );
      } else if (found.length > slice.rule.max) {
        this.report('structure', 'has too many of a kind', `has too many of the slice '${shortened(slice.name)}'`);
      }
      for (const item of found) {
        this.at(item, () => this.value(slice.rule, item, scopeOf(rule, item, scope, this.context)));
      }
    }
    if (!isWhole || rules === 'open') return;
    for (const item of outside) {
      if (rules === 'closed') {
        const text = 'belongs to none of the slices that there may be';
        this.at(item, () => this.report('structure', 'is of a kind that must not be there', text));
      } else if (items.indexOf(item) < lastInside) {
        const text = 'must stand behind those that belong to a slice';
        this.at(item, () => this.report('structure', 'stands in the wrong place', text));
      }
    }
  }

  private report(code: Code, place: string, content: string): void {
    this.findings.report(code, `${this.context.tellsContent ? content : place} (profile ${shortened(this.claimed)})`);
  }
}

/** Whether a value can be what the profile is about. Parts of resources are told by their paths, not by their types. */
function fits(type: string, item: Item): boolean {
  return type === item.type || type === 'Element' || (type === 'BackboneElement' && item.type.includes('.'));
}

/** The resource that an expression on the value may refer to: the value itself when it is one. */
function scopeOf({ segment }: ElementRule, { type, value }: Item, scope: Scope, { access }: WalkContext): Scope {
  if (!isJsonObject(value) || !access.isResource(type)) return scope;
  const resource: JsonObject = value;
  return { resource, rootResource: segment === 'contained' ? scope.rootResource : resource };
}

const maxShown = 200;
const shortened = (text: string): string => (text.length > maxShown ? `${text.slice(0, maxShown)}…` : text);
