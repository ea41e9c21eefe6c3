import { metaPatch, notFound } from '#fhir';
import type { Issue, JsonObject, OutcomeError, ResourcePatch, ResourceText } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { uuidv7 } from '#platform';
import { admittedAccounts, setAccounts, type AccountsRequest } from './accounts/set-accounts.js';
import { assertNotAudit } from './audit/audit-id.js';
import type { BundleOptions } from './bundle/bundle-context.js';
import { checkBundle, processBundle } from './bundle/process-bundle.js';
import type { Caller } from './caller.js';
import { conditionalRequest, conditionalSystemRequest, typesOf } from './writing/conditional.js';
import type { WriteConditions } from './writing/decide-update.js';
import { deleteMatches, maxConditionalDeletes } from './writing/conditional-delete.js';
import { expunge } from './expunge/expunge.js';
import type { HistoryRequest } from './history/history-request.js';
import type { HistoryResult } from './history/read-history.js';
import { patchMatch, patchOne } from './writing/patch-resource.js';
import { projectSettings } from './project-settings.js';
import { ownReadings } from './reading/reading-scope.js';
import { Readings } from './reading/readings.js';
import { assertIdentity, assertType } from './writing/resource-checks.js';
import { profileReport } from './profiles/profile-report.js';
import { assertGranted, auditingDenial, underCurrentRights, type Context } from './rights/rights.js';
import type { SearchResult } from './search/search.js';
import {
  createOne,
  createUnlessFound,
  deleteOne,
  putMatch,
  putOne,
  type CreateResult,
} from './writing/single-writes.js';
import type { Identity } from './sql/read.sql.js';
import { isFhirId, type StoredVersion } from './stored-version.js';
import { assertTenantDatabase, type TenantDatabase } from './tenant-database.js';
import { withKnownErrors } from './transaction.js';
import type { UpdateResult } from './writing/writes.js';
import { readWritten, type Written, type WrittenOptions } from './writing/written.js';

/**
 * The resources of one project, as one caller may see and change them. The only way to them: it cannot be made without a
 * tenant database and a policy.
 *
 * Every method may throw StaleRights (see there) and OutcomeErrors: 403 before anything is looked up when no rule grants
 * the interaction on the type, 404 for what does not exist, and what FHIR's REST API says otherwise
 * (https://hl7.org/fhir/R4/http.html).
 */
export class ResourceRepository {
  private readonly context: Context;
  private readonly readings: Readings;

  constructor(tenant: TenantDatabase, caller: Caller) {
    assertTenantDatabase(tenant);
    this.context = { tenant, caller };
    this.readings = new Readings(this.context, ownReadings(tenant, caller.epoch));
  }

  /** The current version. Deleted: 410. */
  read(type: string, id: string): Promise<StoredVersion> {
    return underCurrentRights(this.context, () => this.readings.read(type, id));
  }

  /** One version of a resource. A version that is a deletion: 410. */
  readVersion(type: string, id: string, versionId: string): Promise<StoredVersion> {
    return underCurrentRights(this.context, () => this.readings.readVersion(type, id, versionId));
  }

  /**
   * The current versions of those of `identities` that the caller may see, keyed by `Type/id`; what is deleted, unknown
   * or not granted is missing. One statement, whatever their number.
   */
  readMany(identities: readonly Identity[]): Promise<Map<string, StoredVersion>> {
    return this.readings.readMany(identities);
  }

  /** The same, with the reason for each that cannot be shown: 403, or 404 for what is deleted or unknown. */
  readEach(identities: readonly Identity[]): Promise<Map<string, StoredVersion | OutcomeError>> {
    return this.readings.readEach(identities);
  }

  /** A page of versions, deletions included: of one resource, of a type, or of all types that the caller may see. */
  history(request: HistoryRequest): Promise<HistoryResult> {
    return underCurrentRights(this.context, () => this.readings.history(request));
  }

  /** The resources that match, the total if asked for (of the same snapshot), and the cursor of the next page. */
  search(request: SearchRequest): Promise<SearchResult> {
    return underCurrentRights(this.context, () => this.readings.search(request));
  }

  /** Throws what `search` throws before it looks for anything. */
  checkSearch(request: SearchRequest): Promise<void> {
    return underCurrentRights(this.context, async () => this.readings.checkSearch(request));
  }

  /**
   * What is wrong with a resource, which is right by the definition of its type, by the profiles of the project: by those
   * that are `asked` for and by those that it claims. Of a StructureDefinition also what of it would not be checked.
   */
  profileReport(resource: JsonObject, asked: readonly string[]): Promise<Issue[]> {
    const { context } = this;
    const scope = ownReadings(context.tenant, context.caller.epoch);
    return underCurrentRights(context, () => profileReport(context, scope, resource, asked));
  }

  /**
   * Stores a new resource. The server gives the id unless `id` says otherwise (409 when it is taken). With `ifNoneExist`
   * (the header If-None-Exist) a resource that matches is returned instead; several: 412. `accounts` counts like
   * `meta.accounts` of a request in extended mode.
   */
  create(
    received: ResourceText,
    options: { id?: string; ifNoneExist?: string; accounts?: readonly string[] } = {},
  ): Promise<CreateResult> {
    const type = received.resourceType;
    return this.writing('C', type, async () => {
      assertGranted(this.context, 'create', type);
      const { context } = this;
      const written = await this.written('create', received, { namedAccounts: options.accounts });
      const id = options.id ?? uuidv7();
      if (options.ifNoneExist === undefined) return createOne(context, id, written);
      return createUnlessFound(context, id, written, conditionalRequest(context, type, options.ifNoneExist));
    });
  }

  /**
   * Stores `text` as the resource `id`. Unknown or deleted ids are for project admins who may create, else 404 and 410;
   * conditions (the headers If-Match and If-None-Match) that do not hold: 412; the same content: no new version. What `keep` names
   * of the resource's members keeps its stored value.
   */
  update(
    type: string,
    id: string,
    text: ResourceText,
    options: WriteConditions & { keep?: readonly string[] } = {},
  ): Promise<UpdateResult> {
    return this.writing('U', `${type}/${id}`, async () => {
      assertGranted(this.context, 'update', type);
      assertNotAudit(type, id);
      assertIdentity(text, type, id);
      const { keep } = options;
      return putOne(this.context, id, await this.written('update', text, keep === undefined ? {} : { keep }), options);
    });
  }

  /**
   * PUT Type?query (https://hl7.org/fhir/R4/http.html#cond-update): the one resource that matches is updated; when none
   * does, the resource is created, under its own id if it has one and the caller may create by PUT; several: 412.
   */
  conditionalUpdate(
    type: string,
    query: string,
    text: ResourceText,
    options: WriteConditions = {},
  ): Promise<UpdateResult> {
    return this.writing('U', `${type}?${query}`, async () => {
      assertGranted(this.context, 'update', type);
      assertType(text, type);
      const written = await this.written('update', text);
      return putMatch(this.context, conditionalRequest(this.context, type, query), written, options);
    });
  }

  /**
   * Changes the current version of a resource as `patch` says (https://hl7.org/fhir/R4/http.html#patch). The result is
   * checked like an update's, but what is wrong with it is 422; no change: no new version. Writers that meet are carried
   * out one after the other, each on what the one before has left, unless If-Match names a version (412).
   */
  patch(type: string, id: string, patch: ResourcePatch, options: WriteConditions = {}): Promise<UpdateResult> {
    return this.writing('U', `${type}/${id}`, async () => {
      assertGranted(this.context, 'update', type);
      assertNotAudit(type, id);
      if (!isFhirId(id)) throw notFound();
      return patchOne(this.context, type, id, { patch, conditions: options });
    });
  }

  /** PATCH Type?query: the one resource that matches is patched; none: 404, several: 412. */
  conditionalPatch(
    type: string,
    query: string,
    patch: ResourcePatch,
    options: WriteConditions = {},
  ): Promise<UpdateResult> {
    return this.writing('U', `${type}?${query}`, async () => {
      assertGranted(this.context, 'update', type);
      const request = conditionalRequest(this.context, type, query);
      return patchMatch(this.context, request, { patch, conditions: options });
    });
  }

  /**
   * Changes the members of `meta` that belong to the client (profile, tag, security, source, extension), as a new version
   * like every write. `change` may be called several times; no change: no new version.
   */
  changeMeta(type: string, id: string, change: (meta: JsonObject) => JsonObject): Promise<UpdateResult> {
    return this.patch(type, id, metaPatch(change));
  }

  /**
   * Files a resource under these accounts and no others; `propagate` carries the change of a Patient over to the resources
   * of its compartment. Returns how many resources that were. For project admins (403), who can read the resource. Repeated
   * after it was cut short, it does what is left.
   */
  setAccounts(type: string, id: string, options: Omit<AccountsRequest, 'type' | 'id'>): Promise<number> {
    return this.writing('U', `${type}/${id}`, () => setAccounts(this.context, { type, id, ...options }));
  }

  /** Throws what `setAccounts` throws before it changes anything. */
  async checkAccounts(type: string, id: string, { accounts }: Pick<AccountsRequest, 'accounts'>): Promise<void> {
    await this.writing('U', `${type}/${id}`, () => admittedAccounts(this.context, { type, id, accounts }));
  }

  /** Deletes the resource and returns the version that says so; deleted already: that version, unchanged. */
  delete(type: string, id: string, options: WriteConditions = {}): Promise<StoredVersion> {
    return this.writing('D', `${type}/${id}`, async () => {
      assertGranted(this.context, 'delete', type);
      assertNotAudit(type, id);
      if (!isFhirId(id)) throw notFound();
      return deleteOne(this.context, type, id, options);
    });
  }

  /**
   * DELETE Type?query (https://hl7.org/fhir/R4/http.html#3.1.0.7.1): deletes all resources that match, in one
   * transaction, and returns the versions that say so. More than 100: 412, and nothing is deleted.
   */
  conditionalDelete(type: string, query: string, options: WriteConditions = {}): Promise<StoredVersion[]> {
    return this.writing('D', `${type}?${query}`, async () => {
      assertGranted(this.context, 'delete', type);
      const request = conditionalRequest(this.context, type, query, maxConditionalDeletes);
      return deleteMatches(this.context, request, options);
    });
  }

  /**
   * DELETE [base]?query (https://hl7.org/fhir/R5/http.html#3.2.0.7.1), in versions that have it: the same for resources of
   * all types that `_type` names; 412 when it names none.
   */
  conditionalDeleteAcrossTypes(query: string, options: WriteConditions = {}): Promise<StoredVersion[]> {
    return this.writing('D', `?${query}`, async () => {
      const request = conditionalSystemRequest(this.context, query, maxConditionalDeletes);
      for (const { type } of typesOf(request)) assertGranted(this.context, 'delete', type);
      return deleteMatches(this.context, request, options);
    });
  }

  /**
   * Removes a resource, deleted or not, with all its versions, as if it had never been; with `everything` the whole chart
   * of a Patient. Returns how many resources that were. For project admins (403), as far as they may delete. Repeated after
   * it was cut short, it removes what is left.
   */
  expunge(type: string, id: string, options: { everything: boolean }): Promise<number> {
    return this.writing('D', `${type}/${id}`, () => expunge(this.context, { type, id, ...options }));
  }

  /**
   * Carries out a batch or transaction Bundle and returns the text of the Bundle that answers it. `baseUrl` is the FHIR
   * base URL by which the request came, with a slash at its end.
   */
  processBundle(text: string, baseUrl: string, options: BundleOptions = {}): Promise<string> {
    const { tenant } = this.context;
    return processBundle(this.context, (caller) => new ResourceRepository(tenant, caller), text, baseUrl, options);
  }

  /** Says of which type a Bundle is. Throws what `processBundle` throws, as far as it can be told without carrying it out. */
  checkBundle(text: string, baseUrl: string, options: BundleOptions = {}): Promise<'batch' | 'transaction'> {
    return checkBundle(this.context, text, baseUrl, options);
  }

  private writing<T>(action: 'C' | 'U' | 'D', entity: string, write: () => Promise<T>): Promise<T> {
    return auditingDenial(this.context, action, entity, () => withKnownErrors(write));
  }

  private async written(
    interaction: 'create' | 'update',
    text: ResourceText,
    options: WrittenOptions = {},
  ): Promise<Written> {
    return readWritten(this.context, await projectSettings(this.context), interaction, text, options);
  }
}
