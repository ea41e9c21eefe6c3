/**
 * With which rights a job was started, and whether they still are those of whoever started it. What it made was judged
 * when it was made and is not judged again line by line, so it is handed out only while nothing has changed.
 */
import type { EffectivePolicy } from '#access-policy';
import { OutcomeError } from '#fhir';
import type { StoredJob } from '#fhir-store';
import { sha256 } from '#platform';
import type { OnBehalfOf } from '../../admin/on-behalf-of.js';
import { reopenSession } from '../../auth/reopened-session.js';
import type { Session, SessionOrigin } from '../../auth/session.js';

/** What is kept of whoever starts a job. */
export interface JobStarter extends SessionOrigin {
  /** Tells their rights at that moment from any others. */
  readonly rights: string;
}

export const starterOf = ({ origin, current }: Session): JobStarter => ({
  ...origin,
  rights: markOf(current.policy),
});

/**
 * Whether `session`, which may follow the job, may have what it made: an administrator who did not start it, and who did as
 * long as its rights are what they were. Those are the session's own, or of the log-in in which it was started, when that
 * had other scopes.
 */
export async function mayHave(
  session: Session,
  { membership, starter }: StoredJob,
  onBehalfOf: Pick<OnBehalfOf, 'open'>,
): Promise<boolean> {
  if (membership !== session.current.membershipId) return true;
  const { rights, ...origin } = starter as unknown as JobStarter;
  if (rights === markOf(session.current.policy)) return true;
  try {
    const reopened = await reopenSession(session.runtime, origin, onBehalfOf);
    return rights === markOf(reopened.current.policy);
  } catch (error) {
    // That log-in has no rights any more.
    if (error instanceof OutcomeError) return false;
    throw error;
  }
}

const markOf = (policy: EffectivePolicy): string =>
  sha256(JSON.stringify([policy.projectAdmin, policy.describe()])).toString('base64url');
