/**
 * With which rights a job was started, and whether they still are those of whoever started it. What it makes is judged when
 * it is made and not again line by line. So it is made under these rights alone, and handed out only while they hold.
 */
import { effectivePolicy, type EffectivePolicy } from '#access-policy';
import { forbidden, OutcomeError, type FhirVersion } from '#fhir';
import type { JobKind, StoredJob } from '#fhir-store';
import { sha256 } from '#platform';
import type { OnBehalfOf } from '../../admin/on-behalf-of.js';
import { reopenSession } from '../../auth/reopened-session.js';
import type { PrincipalSource, Session, SessionOrigin } from '../../auth/session.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';

/** What is kept of whoever starts a job. */
export interface JobStarter extends SessionOrigin {
  /** Tells their rights at that moment from any others. */
  readonly rights: string;
}

/** Whoever started the job has no access to the project any more, which turned out while it was carried out. */
export class AccessLost extends Error {
  override readonly name = 'AccessLost';

  constructor() {
    super('Whoever started the job has no access to the project any more.');
  }
}

/** The rights of whoever started the job are others than when they started it, and it must not go on under them. */
export class RightsChanged extends Error {
  override readonly name = 'RightsChanged';

  constructor() {
    super('The rights of whoever started the job have changed.');
  }
}

/** In which a job is carried out. */
interface StarterSession {
  readonly session: Session;
  /** Whether its rights have at any time been others than when the job was started. */
  readonly hadOtherRights: () => boolean;
}

export const starterOf = ({ origin, current }: Session): JobStarter => ({
  ...origin,
  rights: markOf(current.policy),
});

/**
 * Opens the session of whoever started the job, and looks at its rights each time they are read. Throws as `reopenSession`
 * does; later on the session throws AccessLost once there are no rights any more and, unless `mayDiffer`, both throw
 * RightsChanged once they are others than when the job was started.
 */
export async function reopenStarter(
  runtime: TenantRuntime,
  { rights, ...origin }: JobStarter,
  onBehalfOf: Pick<OnBehalfOf, 'open'>,
  { mayDiffer }: { readonly mayDiffer: boolean },
): Promise<StarterSession> {
  let hadOthers = false;
  const look = (policy: EffectivePolicy): void => {
    if (markOf(policy) === rights) return;
    hadOthers = true;
    if (!mayDiffer) throw new RightsChanged();
  };
  const reopened = await reopenSession(runtime, origin, onBehalfOf);
  look(reopened.current.policy);
  const session = reopened.readBy((source) => async () => {
    const principal = await readOrLost(source);
    look(principal.policy);
    return principal;
  });
  return { session, hadOtherRights: () => hadOthers };
}

async function readOrLost(source: PrincipalSource) {
  try {
    const principal = await source();
    if (principal !== undefined) return principal;
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  throw new AccessLost();
}

const isRefused = (error: unknown): boolean =>
  error instanceof OutcomeError && (error.category === 'unauthorized' || error.category === 'forbidden');

/** The 403 for what was made under rights that are not those of whoever started it any more. */
export const rightsChanged = (kind: JobKind): OutcomeError =>
  forbidden(
    kind === 'export'
      ? 'Your rights have changed since this was asked for: ask for it again.'
      : 'Your rights have changed since this was asked for. It was carried out.',
  );

/** Whether somebody may have what a job made, or why not. */
type Claim = 'granted' | 'rights-changed' | 'refused';

/**
 * Whether `session`, which may follow the job, may have what it made, which holds resources of `types` (undefined: of any).
 * Whoever started it may while their rights are what they were; those are the session's own, or of the log-in in which it
 * was started, when that had other scopes. An administrator who did not start it may with the same rights, or with such
 * that show all there is of these types.
 */
export async function claimOf(
  session: Session,
  { membership, starter }: Pick<StoredJob, 'membership' | 'starter'>,
  types: readonly string[] | undefined,
  onBehalfOf: Pick<OnBehalfOf, 'open'>,
): Promise<Claim> {
  const { runtime, current } = session;
  const { rights, ...origin } = starter as unknown as JobStarter;
  if (rights === markOf(current.policy)) return 'granted';
  if (membership !== current.membershipId) return showsAll(runtime, current.policy, types) ? 'granted' : 'refused';
  try {
    const reopened = await reopenSession(runtime, origin, onBehalfOf);
    return rights === markOf(reopened.current.policy) ? 'granted' : 'rights-changed';
  } catch (error) {
    // That log-in has no rights any more.
    if (error instanceof OutcomeError) return 'rights-changed';
    throw error;
  }
}

function showsAll(
  { database: { version, projectId } }: TenantRuntime,
  policy: EffectivePolicy,
  types: readonly string[] | undefined,
): boolean {
  if (types?.every((type) => policy.grantsFully('search', type)) === true) return true;
  return rulesOf(policy) === rulesOf(unrestricted(version, projectId));
}

/** What an administrator may do whom no policy limits. */
const unrestricted = (version: FhirVersion, projectId: string): EffectivePolicy =>
  effectivePolicy({ version, projectId, membership: { admin: true }, policies: new Map(), scope: '' });

const rulesOf = (policy: EffectivePolicy): string => JSON.stringify(policy.describe()['resource']);

const markOf = (policy: EffectivePolicy): string =>
  sha256(JSON.stringify([policy.projectAdmin, policy.describe()])).toString('base64url');
