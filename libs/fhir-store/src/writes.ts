/**
 * The writes that happen inside a transaction: what a single request that needs one and each entry of a transaction
 * Bundle have in common. Rights have been checked and the write lock is held when these are called.
 */
import { notFound } from '#fhir';
import { forgetCredentials, keepCredentials } from './credentials/credentials.sql.js';
import { assertIfMatch, decideUpdate } from './decide-update.js';
import type { Draft } from './draft.js';
import { mayCreateByUpdate, type Context } from './rights.js';
import { assertContextReadable } from './readable-context.js';
import { insertResources } from './sql/insert.sql.js';
import { lockCurrent } from './sql/read.sql.js';
import { replaceVersion } from './sql/replace.sql.js';
import type { CurrentVersion, StoredVersion } from './stored-version.js';
import type { Scope } from './transaction.js';

export interface UpdateResult {
  readonly version: StoredVersion;
  /** A resource was made or brought back. */
  readonly created: boolean;
  /** A version was written; false when the stored one says the same already. */
  readonly changed: boolean;
}

/** Writes new resources, and keeps the credentials that came with them. */
export async function insertWithCredentials(
  scope: Scope,
  { caller }: Context,
  drafts: readonly Draft[],
): Promise<StoredVersion[]> {
  const versions = await insertResources(scope.connection, scope.epoch, caller, drafts);
  for (const { id, credentials } of drafts) await keepCredentials(scope.connection, id, credentials);
  return versions;
}

/** Writes one new resource, and keeps the credentials that came with it. */
export async function insertOne(scope: Scope, context: Context, draft: Draft): Promise<StoredVersion> {
  const [version] = await insertWithCredentials(scope, context, [draft]);
  return present(version);
}

/** Carries out a PUT on a resource whose current version has been locked (or which does not exist). */
export async function updateLocked(
  scope: Scope,
  context: Context,
  current: CurrentVersion | undefined,
  draft: Draft,
  ifMatch: string | undefined,
): Promise<UpdateResult> {
  await assertContextReadable(context, scope, current);
  const mayCreate = mayCreateByUpdate(context, draft.type);
  const decision = decideUpdate({ current, draft, mayCreate, ifMatch });
  if (decision === 'insert' || current === undefined) {
    return { version: await insertOne(scope, context, draft), created: true, changed: true };
  }
  await keepCredentials(scope.connection, draft.id, draft.credentials);
  if (decision === 'unchanged') return { version: current, created: false, changed: false };
  const version = await replaceVersion(scope.connection, scope.epoch, context.caller, current, draft);
  return { version: present(version), created: current.deleted, changed: true };
}

/** Carries out a DELETE on a resource whose current version has been locked. Deleted already: that version, again. */
export async function deleteLocked(
  scope: Scope,
  { caller }: Context,
  current: CurrentVersion | undefined,
  ifMatch: string | undefined,
): Promise<StoredVersion> {
  if (current === undefined) throw notFound();
  if (current.deleted) return current;
  assertIfMatch(ifMatch, current);
  await forgetCredentials(scope.connection, current.type, current.id);
  return present(await replaceVersion(scope.connection, scope.epoch, caller, current, undefined));
}

/** Locks one resource; undefined when it never existed. */
export async function lockOne(scope: Scope, type: string, id: string): Promise<CurrentVersion | undefined> {
  return (await lockCurrent(scope.connection, [{ type, id }])).get(`${type}/${id}`);
}

function present<T>(version: T | undefined): T {
  // Under the lock there is nobody who could have been quicker.
  if (version === undefined) throw new Error('A resource was changed by somebody else in spite of the lock on it.');
  return version;
}
