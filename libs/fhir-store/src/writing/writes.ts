/**
 * The writes of one request or of one entry of a transaction Bundle, once the current version is known: what of them may
 * be done, and the statements that do it.
 */
import type { JudgedResource } from '#access-policy';
import { bodyHead, bodyTail } from '#fhir';
import { assertNotOwners, assertOwnerStays } from '../administration/owner-membership.js';
import { forgetCredentials, keepCredentials } from '../credentials/credentials.sql.js';
import type { WriteConditions } from './decide-update.js';
import type { Finished } from './finish-write.js';
import { judgedDraft, judgedVersion } from '../rights/judged.js';
import { readingsOn } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { insertResources } from '../sql/insert.sql.js';
import { lockCurrent } from '../sql/read.sql.js';
import { replaceVersion } from '../sql/replace.sql.js';
import type { CurrentVersion, StoredVersion } from '../stored-version.js';
import { withoutFields } from '../rights/shown-fields.js';
import { RightsChangeNeeded, type Scope } from '../transaction.js';
import { admitDelete, mayRead } from '../rights/write-rights.js';

export interface UpdateResult {
  /** As the caller may see it; nothing but its type, id, number and time when that is not at all. */
  readonly version: StoredVersion;
  /** Whether the caller may see what the resource is now, or made it. */
  readonly isShown: boolean;
  /** A resource was made or brought back. */
  readonly created: boolean;
  /** A version was written; false when the stored one says the same already. */
  readonly changed: boolean;
}

/** Writes new resources, keeps the credentials that came with them, and returns them as the caller may see them. */
export async function insertFinished(
  { connection, epoch }: Scope,
  context: Context,
  finished: readonly Finished[],
): Promise<StoredVersion[]> {
  const drafts = finished.map(({ draft }) => draft);
  const versions = await insertResources(connection, epoch, context.caller, drafts);
  for (const { id, credentials } of drafts) await keepCredentials(connection, id, credentials);
  return versions.map((version, position) => shown(context, version, finished[position]));
}

/** Writes one new resource. */
export async function insertOne(scope: Scope, context: Context, finished: Finished): Promise<StoredVersion> {
  const [version] = await insertFinished(scope, context, [finished]);
  if (version === undefined) throw new Error('The insert statement returned no version.');
  return version;
}

/**
 * Writes what an update or patch makes of a resource. Undefined: another writer came in between, nothing was written.
 * Throws RightsChangeNeeded, before anything is written, outside of such a transaction.
 */
export async function storeFinished(
  scope: Scope,
  context: Context,
  finished: Finished,
): Promise<UpdateResult | undefined> {
  const { admission, draft, isUnchanged } = finished;
  const { current } = admission;
  if (draft.filing.movesChart && scope.changesRights !== true) throw new RightsChangeNeeded();
  if (current === undefined) {
    return { version: await insertOne(scope, context, finished), isShown: true, created: true, changed: true };
  }
  await assertOwnerStays(context, scope, current, draft.value);
  await keepCredentials(scope.connection, draft.id, draft.credentials);
  if (isUnchanged) {
    return { ...seen(context, finished, current, judgedVersion(current)), created: false, changed: false };
  }
  const version = await replaceVersion(scope.connection, scope.epoch, context.caller, current, draft);
  return (
    version && { ...seen(context, finished, version, judgedDraft(draft)), created: current.deleted, changed: true }
  );
}

/** Writes an update or patch of a resource whose current version has been locked (or which does not exist). */
export async function updateLocked(scope: Scope, context: Context, finished: Finished): Promise<UpdateResult> {
  return present(await storeFinished(scope, context, finished));
}

/** Carries out a DELETE on a resource whose current version has been locked. Deleted already: that version, again. */
export async function deleteLocked(
  scope: Scope,
  context: Context,
  locked: CurrentVersion | undefined,
  conditions: WriteConditions,
): Promise<StoredVersion> {
  const current = await admitDelete(context, readingsOn(scope), locked, conditions);
  if (current.deleted) return current;
  await assertNotOwners(context, scope, current);
  await forgetCredentials(scope.connection, current.type, current.id);
  return present(await replaceVersion(scope.connection, scope.epoch, context.caller, current, undefined));
}

/** Locks one resource; undefined when it never existed. */
export async function lockOne(scope: Scope, type: string, id: string): Promise<CurrentVersion | undefined> {
  return (await lockCurrent(scope.connection, [{ type, id }])).get(`${type}/${id}`);
}

const shown = (context: Context, version: StoredVersion, finished: Finished | undefined): StoredVersion =>
  withoutFields(context, version, finished?.hidden ?? []);

/** To change a resource is not to read it: an answer that shows what others have written needs the right to. */
function seen(
  context: Context,
  finished: Finished,
  version: StoredVersion,
  judged: JudgedResource,
): Pick<UpdateResult, 'version' | 'isShown'> {
  const isShown = finished.admission.interaction === 'create' || mayRead(context, judged);
  return { version: isShown ? shown(context, version, finished) : contentless(version), isShown };
}

/** What the headers of an answer tell of a version. */
function contentless({ body: _body, extendedMeta: _extendedMeta, ...version }: StoredVersion): StoredVersion {
  const { type, id, versionId, lastUpdated } = version;
  const nothing = bodyTail({ metaMembers: '', otherMembers: '' });
  return {
    ...version,
    body: `${bodyHead(type, id)}${versionId}","lastUpdated":"${lastUpdated}"${nothing}`,
    extendedMeta: '',
  };
}

/** What a statement under the lock has written: there is nobody who could have been quicker. */
export function present<T>(version: T | undefined): T {
  if (version === undefined) throw new Error('A resource was changed by somebody else in spite of the lock on it.');
  return version;
}
