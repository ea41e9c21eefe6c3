import { systemPolicy } from '#access-policy';
import { type JsonObject, OutcomeError } from '#fhir';
import { ResourceRepository } from '#fhir-store';
import { findReferences, foundOrUndefined } from '../found-or-undefined.js';
import type { Session } from '../session.js';

/** Reads what belongs to the caller itself, whatever its policy says, as long as its rights are current. */
export class MemberReader {
  private readonly repository: ResourceRepository;

  constructor(
    private readonly session: Session,
    private readonly requestId: string,
  ) {
    const { runtime, current } = session;
    this.repository = new ResourceRepository(runtime.database, {
      policy: systemPolicy('the caller reads who it is'),
      epoch: current.epoch,
      agent: current.profile.reference,
      requestId,
    });
  }

  /**
   * The caller's profile, as it is shown to the caller itself: without the fields that the rule hides by which the caller
   * may read it, and whole where no rule speaks of it, because people may know who they are. An app whose scopes do not
   * let it read the profile gets the name, and of a profile that is gone there is only its type and id. Throws StaleRights.
   */
  async profile(): Promise<JsonObject> {
    const { runtime, current } = this.session;
    const { policy, profile } = current;
    const [resourceType = '', id = ''] = profile.reference.split('/');
    const whole = await this.find(profile.reference);
    if (whole === undefined) return { resourceType, id };
    if (policy.grantsFully('read', resourceType)) return whole;
    try {
      const own = new ResourceRepository(runtime.database, this.session.caller(this.requestId));
      return JSON.parse((await own.read(resourceType, id)).body) as JsonObject;
    } catch (error) {
      if (!(error instanceof OutcomeError) || error.category !== 'forbidden') throw error;
      if (!policy.isScoped) return whole;
      return { resourceType, id, ...(whole.name === undefined ? {} : { name: whole.name }) };
    }
  }

  /** The resource that a reference (`Type/id`) names; undefined when there is none (any more). Throws StaleRights. */
  async find(reference: string): Promise<JsonObject | undefined> {
    const [type = '', id = ''] = reference.split('/');
    const stored = await foundOrUndefined(() => this.repository.read(type, id));
    return stored && (JSON.parse(stored.body) as JsonObject);
  }

  /** Those of the references that exist, by reference. Throws StaleRights. */
  findAll(references: readonly string[]): Promise<Map<string, JsonObject>> {
    return findReferences(this.repository, references);
  }
}
