/** Profiles of one FHIR version: how they are read, and how resources are held to them. */
import { fhirpathPackage } from '../fhirpath/fhirpath-package.js';
import { TimeBudget } from '../fhirpath/time-budget.js';
import type { JsonObject } from '../json/json-value.js';
import type { Issue } from '../outcomes/issue.js';
import { Findings } from '../validation/findings.js';
import { compileProfile, type NoProfile } from './compile-profile.js';
import type { ElementContext } from './compile-element.js';
import { ElementAccess, type Item } from './instance-items.js';
import type { Profile } from './profile.js';
import { ProfileWalk, type WalkContext } from './profile-walk.js';

interface ProfileQuestion {
  /** A resource that is right by the definition of its type. */
  readonly resource: JsonObject;
  /** The profiles that it must satisfy. */
  readonly profiles: readonly Profile[];
  /** Those that they lead to, by canonical reference; what is not here is not checked. */
  readonly find: WalkContext['find'];
  /** Whether texts may say what a profile demands; else they say where the resource breaks it, and in what way. */
  readonly tellsContent: boolean;
}

/**
 * What is wrong with a resource by its profiles: at most 20 issues, none when it satisfies them. `ranOut`: checking has
 * taken longer than it may, by the fault of the profiles (`itself`; a moment ago: `resting`) or because the machine has much
 * else to do (`waiting`).
 */
type ProfileVerdict = { readonly issues: Issue[] } | RanOut;

interface RanOut {
  readonly ranOut: 'itself' | 'resting' | 'waiting';
}

export interface ProfileRules {
  /** Reads a StructureDefinition, whatever is in it. */
  compile(definition: JsonObject): Profile | NoProfile | RanOut;
  check(question: ProfileQuestion): ProfileVerdict;
}

/**
 * For reading a profile, and for all profiles of one resource: nothing else is done in the process meanwhile, for other
 * projects neither. Ordinary ones take less than a millisecond.
 */
const maxMilliseconds = 500;

/** So long a profile is not tried again that has taken all of the time. */
const restMilliseconds = 10_000;

/** The rules by which a version's resources are held to profiles. */
export function profileRules(version: Omit<ElementContext, 'access'>): ProfileRules {
  const context: ElementContext = { ...version, access: new ElementAccess(version.structure) };
  const resting = new WeakMap<Profile, number>();
  return {
    compile: (definition) => {
      // It takes its time to load, which is not the profile's fault.
      fhirpathPackage();
      const outcome = new TimeBudget(maxMilliseconds).spend(() => compileProfile(context, definition));
      return 'done' in outcome ? outcome.done : outcome;
    },
    check: (question) => {
      const { profiles } = question;
      const now = performance.now();
      if (profiles.some((profile) => (resting.get(profile) ?? 0) > now)) return { ranOut: 'resting' };
      fhirpathPackage();
      let last: Profile | undefined;
      const outcome = new TimeBudget(maxMilliseconds).spend(() =>
        profiles.flatMap((profile) => {
          last = profile;
          return issuesOf(context.access, profile, question);
        }),
      );
      if ('done' in outcome) return { issues: distinct(outcome.done).slice(0, maxIssues) };
      if (outcome.ranOut === 'itself' && last !== undefined) resting.set(last, performance.now() + restMilliseconds);
      return outcome;
    },
  };
}

const maxIssues = 20;

/** An element and its slices may say the same. */
const distinct = (issues: readonly Issue[]): Issue[] => [
  ...new Map(issues.map((issue) => [issue.text, issue])).values(),
];

function issuesOf(
  access: ElementAccess,
  profile: Profile,
  { resource, find, tellsContent }: Omit<ProfileQuestion, 'profiles'>,
): Issue[] {
  const type = typeof resource.resourceType === 'string' ? resource.resourceType : '';
  const findings = new Findings(type);
  const item: Item = { value: resource, type, isPrimitive: false };
  const walk = new ProfileWalk({ access, find, tellsContent }, findings, profile.url);
  walk.apply(profile, item, { resource, rootResource: resource });
  return findings.issues;
}
