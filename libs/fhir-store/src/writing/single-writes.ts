/**
 * The writes of one request. Most are one statement, or two: one that reads and one that writes if nobody was quicker.
 * A transaction is used for what needs one: conditional writes, and writes that change rights.
 */
import { conflict } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { uuidv7 } from '#platform';
import { isUniqueViolation } from '#postgres';
import { findMatch, lockCriteria } from './conditional.js';
import { assertConditions, type WriteConditions } from './decide-update.js';
import { optimistically } from './optimistically.js';
import { finishAlone, type Pending } from './finish-write.js';
import { lockMatch } from './patch-resource.js';
import { ownReadings, readingsOn } from '../reading/reading-scope.js';
import { assertMatchedId, assertNotElsewhere } from './resource-checks.js';
import { assertGranted, changesRights, type Context } from '../rights/rights.js';
import { findCurrent } from '../sql/read.sql.js';
import { replaceVersion } from '../sql/replace.sql.js';
import type { StoredVersion } from '../stored-version.js';
import { inTransaction, type Scope } from '../transaction.js';
import { admitCreate, admitDelete, admitUpdate, shownMatch } from '../rights/write-rights.js';
import { deleteLocked, insertOne, lockOne, storeFinished, updateLocked, type UpdateResult } from './writes.js';
import type { Written } from './written.js';

export interface CreateResult {
  /** As the caller may see it. */
  readonly version: StoredVersion;
  /** False when a conditional create found the resource. */
  readonly created: boolean;
}

/** Stores a new resource; 409 when its id is taken. */
export async function createOne(context: Context, id: string, written: Written): Promise<CreateResult> {
  const { tenant, caller } = context;
  const type = written.text.resourceType;
  const pending = newResource(type, id, written);
  try {
    if (changesRights('create', type)) {
      const version = await inTransaction(tenant, caller, true, (scope) => insertPending(scope, context, pending));
      return { version, created: true };
    }
    const finished = await finishAlone(context, ownReadings(tenant, caller.epoch), pending);
    const insert = (connection: Scope['connection']) =>
      insertOne({ connection, epoch: caller.epoch }, context, finished);
    return { version: await tenant.use(insert), created: true };
  } catch (error) {
    if (isIdTaken(error)) throw conflict(`There is a ${type} with the id ${id} already`);
    throw error;
  }
}

const newResource = (type: string, id: string, written: Written): Pending => ({
  admission: admitCreate(type),
  id,
  written,
});

async function insertPending(scope: Scope, context: Context, pending: Pending): Promise<StoredVersion> {
  return insertOne(scope, context, await finishAlone(context, readingsOn(scope), pending));
}

/** Stores a new resource unless one matches `request`, which is returned then. */
export async function createUnlessFound(
  context: Context,
  id: string,
  written: Written,
  request: SearchRequest,
): Promise<CreateResult> {
  const { tenant, caller } = context;
  return inTransaction(tenant, caller, changesRights('create', request.type), async (scope) => {
    await lockCriteria(scope, [request]);
    const match = await findMatch(context, scope, request);
    if (match !== undefined) return { version: shownMatch(context, match), created: false };
    const version = await insertPending(scope, context, newResource(request.type, id, written));
    return { version, created: true };
  });
}

/** Carries out a PUT as `admitUpdate` and `finishWrite` say. */
export async function putOne(
  context: Context,
  id: string,
  written: Written,
  conditions: WriteConditions,
): Promise<UpdateResult> {
  const tryOnce = () => tryPut(context, id, written, conditions);
  const result = await optimistically(changesRights('update', written.text.resourceType), tryOnce);
  if (result !== undefined) return result;
  try {
    return await putLocked(context, id, written, conditions);
  } catch (error) {
    if (!isIdTaken(error)) throw error;
    // Somebody made the resource between our look and our insert: now it is there to be locked.
    return putLocked(context, id, written, conditions);
  }
}

/** Carries out a PUT on the resource that matches `request`; none: it is created; 409 when its own id is taken. */
export async function putMatch(
  context: Context,
  request: SearchRequest,
  written: Written,
  conditions: WriteConditions,
): Promise<UpdateResult> {
  const { tenant, caller } = context;
  try {
    return await inTransaction(tenant, caller, changesRights('update', request.type), async (scope) => {
      await lockCriteria(scope, [request]);
      const match = await lockMatch(scope, context, request);
      const pending = await pendingMatch(scope, context, { request, match, written, conditions });
      return updateLocked(scope, context, await finishAlone(context, readingsOn(scope), pending));
    });
  } catch (error) {
    if (isIdTaken(error)) throw conflict(`There is a ${request.type} with the id ${written.text.id} already`);
    throw error;
  }
}

/** What a conditional update has found, and what it is to become. */
export interface FoundUpdate {
  readonly request: SearchRequest;
  /** The locked match. */
  readonly match: Pending['admission']['current'];
  readonly written: Written;
  readonly conditions: WriteConditions;
  /** The id of a resource that is made and names none itself. */
  readonly newId?: string;
}

/** Which resource a conditional update is about, and whether the caller may go on with it. */
export async function pendingMatch(
  scope: Scope,
  context: Context,
  { request: { type }, match, written, conditions, newId }: FoundUpdate,
): Promise<Pending> {
  assertMatchedId(written.text, match);
  const id = match?.id ?? written.text.id;
  if (id === undefined) {
    assertGranted(context, 'create', type);
    assertConditions(conditions, undefined);
    return newResource(type, newId ?? uuidv7(), written);
  }
  const current = match ?? (await lockOne(scope, type, id));
  const admission = await admitUpdate(context, readingsOn(scope), type, current, conditions);
  assertNotElsewhere(match, current);
  return { admission, id, written };
}

/** Deletes a resource; deleted already: returns that version. */
export async function deleteOne(
  context: Context,
  type: string,
  id: string,
  conditions: WriteConditions,
): Promise<StoredVersion> {
  const raisesEpoch = changesRights('delete', type);
  const deleted = await optimistically(raisesEpoch, () => tryDelete(context, type, id, conditions));
  if (deleted !== undefined) return deleted;
  return inTransaction(context.tenant, context.caller, raisesEpoch, async (scope) =>
    deleteLocked(scope, context, await lockOne(scope, type, id), conditions),
  );
}

/** Undefined when another writer came in between. */
function tryPut(
  context: Context,
  id: string,
  written: Written,
  conditions: WriteConditions,
): Promise<UpdateResult | undefined> {
  const { tenant, caller } = context;
  const type = written.text.resourceType;
  return tenant.use(async (connection) => {
    const scope = { connection, epoch: caller.epoch };
    const current = await findCurrent(connection, caller.epoch, type, id);
    const admission = await admitUpdate(context, readingsOn(scope), type, current, conditions);
    const finished = await finishAlone(context, readingsOn(scope), { admission, id, written });
    try {
      return await storeFinished(scope, context, finished);
    } catch (error) {
      if (isIdTaken(error)) return undefined;
      throw error;
    }
  });
}

function putLocked(context: Context, id: string, written: Written, conditions: WriteConditions): Promise<UpdateResult> {
  const type = written.text.resourceType;
  return inTransaction(context.tenant, context.caller, changesRights('update', type), async (scope) => {
    const admission = await admitUpdate(context, readingsOn(scope), type, await lockOne(scope, type, id), conditions);
    return updateLocked(scope, context, await finishAlone(context, readingsOn(scope), { admission, id, written }));
  });
}

/** Undefined when another writer came in between. */
function tryDelete(
  context: Context,
  type: string,
  id: string,
  conditions: WriteConditions,
): Promise<StoredVersion | undefined> {
  const { tenant, caller } = context;
  return tenant.use(async (connection) => {
    const found = await findCurrent(connection, caller.epoch, type, id);
    const current = await admitDelete(context, readingsOn({ connection, epoch: caller.epoch }), found, conditions);
    return current.deleted ? current : replaceVersion(connection, caller.epoch, caller, current, undefined);
  });
}

export const isIdTaken = (error: unknown): boolean => isUniqueViolation(error, 'resource_identity');
