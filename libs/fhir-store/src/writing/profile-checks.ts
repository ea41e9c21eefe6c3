/**
 * Resources are held to the profiles that they claim in `meta.profile` (https://hl7.org/fhir/R4/profiling.html). The profiles
 * are looked up whatever the writer may read, since it is the project that demands them; somebody who may not read all
 * StructureDefinitions is told where the resource breaks one and in what way, but not what it demands.
 */
import { hideFields } from '#access-policy';
import { invalidResource, isJsonObject, OutcomeError } from '#fhir';
import type { Issue, JsonObject, Profile } from '#fhir';
import { ProfileTime, ranOut } from '../profiles/profile-costs.js';
import { ProjectProfiles } from '../profiles/project-profiles.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { bodyOf, type Draft } from './draft.js';
import type { Written } from './written.js';

/** More profiles than this are not checked for one resource, and so it may not claim more. */
export const maxClaims = 20;

/** The profiles that a resource claims. */
export function claimedProfiles({ meta }: JsonObject): string[] {
  const { profile } = isJsonObject(meta) ? meta : {};
  return Array.isArray(profile) ? [...new Set(profile.filter((url) => typeof url === 'string'))] : [];
}

/** A finished write. */
interface ClaimingWrite {
  readonly interaction: 'create' | 'update';
  readonly written: Pick<Written, 'checksProfiles'>;
  readonly draft: Draft;
  /** The fields that the writer cannot see. */
  readonly hidden: readonly string[];
}

/** Holds the writes of one request to their profiles, each of which is looked up once. Writes without claims cost nothing. */
export class ProfileChecks {
  private profiles: ProjectProfiles | undefined;

  constructor(
    private readonly context: Context,
    private readonly scope: ReadingScope,
  ) {}

  /** Looks up what several writes claim, at once. */
  async load(writes: readonly Pick<Written, 'text' | 'checksProfiles'>[]): Promise<void> {
    const claims = writes.flatMap(({ text, checksProfiles }) => {
      const claimed = checksProfiles ? claimedProfiles(text.value) : [];
      // What claims more is refused without a look.
      return claimed.length > maxClaims ? [] : claimed;
    });
    if (claims.length > 0) await this.loaded(claims);
  }

  /**
   * Throws 400 when the finished resource breaks a profile that it claims and that the project has, or claims too many. Where
   * the writer cannot see fields of it, all depends on what is seen: whoever may write profiles could otherwise ask for the
   * rest by one profile after the other.
   */
  async assertKept({ interaction, written, draft, hidden }: ClaimingWrite): Promise<void> {
    if (!written.checksProfiles) return;
    const isWhole = interaction === 'create' || hidden.length === 0;
    const resource = isWhole ? draft.value : seenBy(draft, hidden);
    const claims = claimedProfiles(resource);
    if (claims.length === 0) return;
    if (claims.length > maxClaims) throw tooManyClaims(draft.type);
    const { find } = await this.loaded(claims);
    const profiles = claims.map(find).filter((profile) => profile !== undefined);
    if (profiles.length === 0) return;
    const all = profileIssues(this.context, asStored(draft.id, resource), profiles, find);
    const issues = isWhole ? all : all.filter(({ expression = [] }) => !expression.some((path) => meets(path, hidden)));
    if (issues.length > 0) throw invalidResource(issues);
  }

  private async loaded(claims: readonly string[]): Promise<ProjectProfiles> {
    this.profiles ??= new ProjectProfiles(this.context.tenant, this.scope);
    await this.profiles.load(claims);
    return this.profiles;
  }
}

/** The finished resource without what the writer cannot see. */
const seenBy = (draft: Draft, hidden: readonly string[]): JsonObject =>
  JSON.parse(hideFields(bodyOf(draft, '1', ''), hidden)) as JsonObject;

/** Whether what is wrong at `expression` may be so because a hidden field is missing: one there, below it or above it. */
function meets(expression: string, hidden: readonly string[]): boolean {
  const steps = expression
    .replace(/\[\d+\]/g, '')
    .split('.')
    .slice(1);
  return hidden.some((path) => {
    const others = path.split('.').map((step) => step.replace(/^_|\[x\]$/g, ''));
    if (/^[A-Z]/.test(others[0] ?? '')) others.shift();
    return others.every((other, at) => at >= steps.length || isSameStep(steps[at] ?? '', other));
  });
}

/** Expressions have choices by their common name, policies may name one form of them. */
const isSameStep = (step: string, other: string): boolean =>
  other === step || (other.startsWith(step) && /^[A-Z]/.test(other.slice(step.length)));

/** What is answered to a resource that claims more. */
export const tooManyClaims = (type: string): OutcomeError =>
  new OutcomeError('invalid', [
    {
      severity: 'error',
      code: 'too-costly',
      text: `A resource may claim ${maxClaims} profiles at most`,
      expression: [`${type}.meta.profile`],
    },
  ]);

/** What the checks of a request may take together, by its context, which the entries of a batch share too. */
const checkingTimes = new WeakMap<Context, ProfileTime>();

function checkingTime(context: Context): ProfileTime {
  const time = checkingTimes.get(context) ?? new ProfileTime(context.tenant.projectId);
  checkingTimes.set(context, time);
  return time;
}

/**
 * What is wrong with a resource by the profiles. Throws `too-costly` when a profile takes longer to be checked than it may, or
 * all that the request asks for, and 503 when the machine has too much else to do.
 */
export function profileIssues(
  context: Context,
  resource: JsonObject,
  profiles: readonly Profile[],
  find: (canonical: string) => Profile | undefined,
): Issue[] {
  const { tenant } = context;
  const tellsContent = maySeeProfiles(context);
  const verdict = checkingTime(context).spend(() =>
    tenant.version.profiles.check({ resource, profiles, find, tellsContent }),
  );
  if ('issues' in verdict) return verdict.issues;
  throw ranOut(tenant.projectId, verdict.ranOut);
}

/** Whether the caller may read whatever profile the project has. */
export const maySeeProfiles = ({ caller: { policy } }: Pick<Context, 'caller'>): boolean =>
  policy.grantsFully('read', 'StructureDefinition');

/** The resource with what the server puts into each one, and without what it shows in extended mode only. */
export function asStored(id: string, resource: JsonObject): JsonObject {
  const meta = isJsonObject(resource.meta) ? resource.meta : {};
  const { author: _author, project: _project, account: _account, accounts: _accounts, ...rest } = meta;
  const { compartment: _compartment, onBehalfOf: _onBehalfOf, ...own } = rest;
  return { ...resource, id, meta: { ...own, versionId: '1', lastUpdated: new Date().toISOString() } };
}
