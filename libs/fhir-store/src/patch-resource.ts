/** Patches: an update whose content is made of the stored version, so that what others wrote meanwhile is never lost. */
import { conflict, gone, notFound, OutcomeError, readResource, unprocessable } from '#fhir';
import type { ResourcePatch } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { findMatch } from './conditional.js';
import { assertIfMatch, decideUpdate } from './decide-update.js';
import { draftResource, type Draft } from './draft.js';
import { acceptResource } from './resource-checks.js';
import { changesRights, type Context } from './rights.js';
import { assertContextReadable } from './readable-context.js';
import { findCurrent } from './sql/read.sql.js';
import { replaceVersion } from './sql/replace.sql.js';
import type { CurrentVersion, StoredVersion } from './stored-version.js';
import { inTransaction, type Scope } from './transaction.js';
import { lockOne, updateLocked, type UpdateResult } from './writes.js';

/** How often a patch without a lock is tried before it waits for its turn. */
const optimisticTries = 3;
/** How often a conditional patch searches again because what it had found was changed before it could be locked. */
const searches = 3;

/** Patches a resource; 404 and 410 when it is not there. */
export async function patchOne(
  context: Context,
  type: string,
  id: string,
  patch: ResourcePatch,
  ifMatch: string | undefined,
): Promise<UpdateResult> {
  if (!changesRights('update', type)) {
    for (let attempt = 0; attempt < optimisticTries; attempt++) {
      const result = await tryPatch(context, type, id, patch, ifMatch);
      if (result !== undefined) return result;
    }
  }
  return inTransaction(context.tenant, context.caller, changesRights('update', type), async (scope) =>
    patchLocked(scope, context, await lockOne(scope, type, id), patch, ifMatch),
  );
}

/** Patches the resource that matches `request`; 404 when none does. */
export async function patchMatch(
  context: Context,
  request: SearchRequest,
  patch: ResourcePatch,
  ifMatch: string | undefined,
): Promise<UpdateResult> {
  return inTransaction(context.tenant, context.caller, changesRights('update', request.type), async (scope) => {
    const current = await lockMatch(scope, context, request);
    if (current === undefined) throw notFound();
    return patchLocked(scope, context, current, patch, ifMatch);
  });
}

/** Carries out a patch on a resource whose current version has been locked. */
export async function patchLocked(
  scope: Scope,
  context: Context,
  current: CurrentVersion | undefined,
  patch: ResourcePatch,
  ifMatch: string | undefined,
): Promise<UpdateResult> {
  const present = presentVersion(current, ifMatch);
  await assertContextReadable(context, scope, present);
  return updateLocked(scope, context, present, patchedDraft(context, present, patch), ifMatch);
}

/** The one resource that matches, locked; undefined when none does. It is found again when it was changed in between. */
export async function lockMatch(
  scope: Scope,
  context: Context,
  request: SearchRequest,
): Promise<CurrentVersion | undefined> {
  for (let search = 0; search < searches; search++) {
    const match = await findMatch(context, scope, request);
    if (match === undefined) return undefined;
    const locked = await lockOne(scope, match.type, match.id);
    if (locked?.versionId === match.versionId) return locked;
  }
  throw conflict('Other requests keep changing what the criteria find; try again');
}

/** Undefined when another writer came in between. */
function tryPatch(
  context: Context,
  type: string,
  id: string,
  patch: ResourcePatch,
  ifMatch: string | undefined,
): Promise<UpdateResult | undefined> {
  const { tenant, caller } = context;
  return tenant.use(async (connection) => {
    const current = presentVersion(await findCurrent(connection, caller.epoch, type, id), ifMatch);
    await assertContextReadable(context, { connection, epoch: caller.epoch }, current);
    const draft = patchedDraft(context, current, patch);
    if (decideUpdate({ current, draft, mayCreate: false, ifMatch }) === 'unchanged') {
      return { version: current, created: false, changed: false };
    }
    const version = await replaceVersion(connection, caller.epoch, caller, current, draft);
    return version && { version, created: false, changed: true };
  });
}

function presentVersion(current: CurrentVersion | undefined, ifMatch: string | undefined): CurrentVersion {
  if (current === undefined) throw notFound();
  if (current.deleted) throw gone();
  assertIfMatch(ifMatch, current);
  return current;
}

/** The draft of what `patch` makes of `current`. Whatever is wrong with the result is the patch's fault: 422. */
function patchedDraft({ tenant, caller }: Context, current: StoredVersion, patch: ResourcePatch): Draft {
  const patched = patch(current.body);
  try {
    const text = readResource(patched);
    if (text.resourceType !== current.type || text.id !== current.id) {
      throw unprocessable('A patch cannot change the type or the id of a resource');
    }
    return draftResource(tenant, caller, current.id, acceptResource(tenant, text));
  } catch (error) {
    if (!(error instanceof OutcomeError) || error.category !== 'invalid') throw error;
    throw new OutcomeError('unprocessable', error.issues, { cause: error });
  }
}
