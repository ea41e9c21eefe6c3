import { bodyHead, bodyTail, isJsonObject, readResource, type JsonObject } from '#fhir';
import { indexResource, selfHash, type IndexRows } from '#fhir-search';
import { accountsMember, distinctAccounts, type Account } from '../accounts/account.js';
import { chartType } from '../accounts/patient-compartment.js';
import { assertNotAudit } from '../audit/audit-id.js';
import type { Caller } from '../caller.js';
import type { Credentials, TakenResource } from '../credentials/take-credentials.js';
import { acceptResource } from './resource-checks.js';
import type { TenantDatabase } from '../tenant-database.js';

/** A finished resource, ready to be written: all that can be computed without the database has been computed. */
export interface Draft {
  readonly type: string;
  readonly id: string;
  /** The body up to the version id, and from behind lastUpdated on; the database puts both in between. */
  readonly head: string;
  readonly tail: string;
  readonly extendedMeta: string;
  /** The whole resource, `meta` as in extended mode, without what the database adds. */
  readonly value: JsonObject;
  readonly index: IndexRows;
  /** What a reference to the resource has as its target in the index. */
  readonly self: string;
  /** What was cut out of the text because no body may hold it. */
  readonly credentials: Credentials;
  readonly filing: Filing;
}

/** Where a resource is filed: what `meta.accounts` and `meta.compartment` say. */
export interface Filing {
  readonly accounts: readonly Account[];
  /** The patients in whose charts the resource is, other than itself: `Patient/1`. */
  readonly patients: readonly string[];
  /**
   * Whether the accounts of an existing Patient change. What others write takes over the accounts of the patients that it
   * refers to, so this is written as a change of rights is: nobody who read the old ones writes after it.
   */
  readonly movesChart: boolean;
}

/** Of what belongs to the project as a whole. */
export const unfiled: Filing = Object.freeze({ accounts: [], patients: [], movesChart: false });

/** Makes the draft of a resource under `id`, filed as `filing` says. Throws 403 for an id of the server's own audit. */
export function draftResource(
  tenant: TenantDatabase,
  caller: Caller,
  id: string,
  { text, credentials }: TakenResource,
  filing: Filing = unfiled,
): Draft {
  const { resourceType: type, value: sent, metaMembers, otherMembers } = text;
  assertNotAudit(type, id);
  const accounts = accountsMember(filing.accounts);
  const members = extendedMembers(tenant, caller, { type, id }, filing);
  const meta = { ...(isJsonObject(sent.meta) ? sent.meta : {}), ...members };
  const value = { ...sent, id, meta: filing.accounts.length === 0 ? meta : { ...meta, accounts: filing.accounts } };
  return {
    type,
    id,
    head: bodyHead(type, id),
    // The accounts come first, where they are found without parsing the body.
    tail: bodyTail({ metaMembers: [accounts, metaMembers].filter((part) => part !== '').join(','), otherMembers }),
    extendedMeta: JSON.stringify(members).slice(1, -1),
    value: value as JsonObject,
    index: indexResource(tenant.version, tenant.hasher, value as JsonObject, tenant.ownBaseUrls),
    self: selfHash(tenant.hasher, type, id),
    credentials,
    filing,
  };
}

/** The draft of a resource that the platform itself makes. Throws what `acceptResource` throws. */
export const draftOf = (
  tenant: TenantDatabase,
  caller: Caller,
  resource: JsonObject & { readonly id: string },
  filing: Filing = unfiled,
): Draft =>
  draftResource(tenant, caller, resource.id, acceptResource(tenant, readResource(JSON.stringify(resource))), filing);

/** The body that the database writes for this draft under the given version. */
export const bodyOf = (draft: Draft, versionId: string, lastUpdated: string): string =>
  `${draft.head}${versionId}","lastUpdated":"${lastUpdated}"${draft.tail}`;

/**
 * The members that `meta` has besides in extended mode. People are referred to and not named: whoever sees the resource
 * may not be allowed to see the record of whoever wrote it.
 */
function extendedMembers(
  { projectId }: TenantDatabase,
  { author, onBehalfOf }: Caller,
  { type, id }: { type: string; id: string },
  { accounts, patients }: Filing,
): object {
  const [account] = accounts;
  const own = type === chartType ? [`${type}/${id}`] : [];
  const charts = [...own, ...patients].map((reference) => ({ reference }));
  const compartment = distinctAccounts([...accounts, ...charts]).map(({ reference }) => ({ reference }));
  const members: Record<string, unknown> = {};
  if (author) members.author = { reference: author };
  members.project = projectId;
  if (onBehalfOf) members.onBehalfOf = { reference: onBehalfOf };
  if (account) members.account = account;
  if (compartment.length > 0) members.compartment = compartment;
  return members;
}
