/**
 * The writes of one request. Most are one statement, or two: one that reads and one that writes if nobody was quicker.
 * A transaction is used for what needs one: conditional writes, and writes that change rights.
 */
import { conflict, notFound } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { uuidv7 } from '#platform';
import { isUniqueViolation } from '#postgres';
import { findMatch, lockCriteria } from './conditional.js';
import type { TakenResource } from './credentials/take-credentials.js';
import { assertIfMatch, decideUpdate } from './decide-update.js';
import { draftResource, type Draft } from './draft.js';
import { assertGranted, changesRights, mayCreateByUpdate, type Context } from './rights.js';
import { lockMatch } from './patch-resource.js';
import { assertMatchedId, assertNotElsewhere } from './resource-checks.js';
import { assertContextReadable } from './readable-context.js';
import { insertResources } from './sql/insert.sql.js';
import { findCurrent } from './sql/read.sql.js';
import { replaceVersion } from './sql/replace.sql.js';
import type { StoredVersion } from './stored-version.js';
import { inTransaction, type Scope } from './transaction.js';
import { deleteLocked, insertOne, lockOne, updateLocked, type UpdateResult } from './writes.js';

/** How often a write without a lock is tried before it waits for its turn. */
const optimisticTries = 3;

export interface CreateResult {
  readonly version: StoredVersion;
  /** False when a conditional create found the resource. */
  readonly created: boolean;
}

/** Stores a new resource; 409 when its id is taken. */
export async function createOne(context: Context, draft: Draft): Promise<CreateResult> {
  const { tenant, caller } = context;
  try {
    if (changesRights('create', draft.type)) {
      const version = await inTransaction(tenant, caller, true, (scope) => insertOne(scope, context, draft));
      return { version, created: true };
    }
    return { version: await insertAlone(context, draft), created: true };
  } catch (error) {
    if (isIdTaken(error)) throw conflict(`There is a ${draft.type} with the id ${draft.id} already`);
    throw error;
  }
}

/** Stores a new resource unless one matches `request`, which is returned then. */
export async function createUnlessFound(context: Context, draft: Draft, request: SearchRequest): Promise<CreateResult> {
  const { tenant, caller } = context;
  return inTransaction(tenant, caller, changesRights('create', draft.type), async (scope) => {
    await lockCriteria(scope, [request]);
    const match = await findMatch(context, scope, request);
    if (match !== undefined) return { version: match, created: false };
    return { version: await insertOne(scope, context, draft), created: true };
  });
}

/** Carries out a PUT as `decideUpdate` says. */
export async function putOne(context: Context, draft: Draft, ifMatch: string | undefined): Promise<UpdateResult> {
  if (!changesRights('update', draft.type)) {
    for (let attempt = 0; attempt < optimisticTries; attempt++) {
      const result = await tryPut(context, draft, ifMatch);
      if (result !== undefined) return result;
    }
  }
  try {
    return await putLocked(context, draft, ifMatch);
  } catch (error) {
    if (!isIdTaken(error)) throw error;
    // Somebody made the resource between our look and our insert: now it is there to be locked.
    return putLocked(context, draft, ifMatch);
  }
}

/** Carries out a PUT on the resource that matches `request`; none: it is created; 409 when its own id is taken. */
export async function putMatch(
  context: Context,
  request: SearchRequest,
  taken: TakenResource,
  ifMatch: string | undefined,
): Promise<UpdateResult> {
  const { tenant, caller } = context;
  try {
    return await inTransaction(tenant, caller, changesRights('update', request.type), (scope) =>
      putMatchLocked(scope, context, request, taken, ifMatch),
    );
  } catch (error) {
    if (isIdTaken(error)) throw conflict(`There is a ${request.type} with the id ${taken.text.id} already`);
    throw error;
  }
}

async function putMatchLocked(
  scope: Scope,
  context: Context,
  request: SearchRequest,
  taken: TakenResource,
  ifMatch: string | undefined,
): Promise<UpdateResult> {
  const { tenant, caller } = context;
  await lockCriteria(scope, [request]);
  const match = await lockMatch(scope, context, request);
  assertMatchedId(taken.text, match);
  const id = match?.id ?? taken.text.id;
  if (id === undefined) {
    assertGranted(context, 'create', request.type);
    const version = await insertOne(scope, context, draftResource(tenant, caller, uuidv7(), taken));
    return { version, created: true, changed: true };
  }
  const current = match ?? (await lockOne(scope, request.type, id));
  assertNotElsewhere(match, current);
  return updateLocked(scope, context, current, draftResource(tenant, caller, id, taken), ifMatch);
}

/** Deletes a resource; deleted already: returns that version. */
export async function deleteOne(
  context: Context,
  type: string,
  id: string,
  ifMatch: string | undefined,
): Promise<StoredVersion> {
  if (!changesRights('delete', type)) {
    for (let attempt = 0; attempt < optimisticTries; attempt++) {
      const deleted = await tryDelete(context, type, id, ifMatch);
      if (deleted !== undefined) return deleted;
    }
  }
  return inTransaction(context.tenant, context.caller, changesRights('delete', type), async (scope) =>
    deleteLocked(scope, context, await lockOne(scope, type, id), ifMatch),
  );
}

/** Undefined when another writer came in between. */
function tryPut(context: Context, draft: Draft, ifMatch: string | undefined): Promise<UpdateResult | undefined> {
  const { tenant, caller } = context;
  return tenant.use(async (connection) => {
    const current = await findCurrent(connection, caller.epoch, draft.type, draft.id);
    await assertContextReadable(context, { connection, epoch: caller.epoch }, current);
    const mayCreate = mayCreateByUpdate(context, draft.type);
    const decision = decideUpdate({ current, draft, mayCreate, ifMatch });
    if (current !== undefined) {
      if (decision === 'unchanged') return { version: current, created: false, changed: false };
      const version = await replaceVersion(connection, caller.epoch, caller, current, draft);
      return version && { version, created: current.deleted, changed: true };
    }
    try {
      const [version] = await insertResources(connection, caller.epoch, caller, [draft]);
      return version && { version, created: true, changed: true };
    } catch (error) {
      if (isIdTaken(error)) return undefined;
      throw error;
    }
  });
}

function putLocked(context: Context, draft: Draft, ifMatch: string | undefined): Promise<UpdateResult> {
  return inTransaction(context.tenant, context.caller, changesRights('update', draft.type), async (scope) =>
    updateLocked(scope, context, await lockOne(scope, draft.type, draft.id), draft, ifMatch),
  );
}

/** Undefined when another writer came in between. */
function tryDelete(
  { tenant, caller }: Context,
  type: string,
  id: string,
  ifMatch: string | undefined,
): Promise<StoredVersion | undefined> {
  return tenant.use(async (connection) => {
    const current = await findCurrent(connection, caller.epoch, type, id);
    if (current === undefined) throw notFound();
    if (current.deleted) return current;
    assertIfMatch(ifMatch, current);
    return replaceVersion(connection, caller.epoch, caller, current, undefined);
  });
}

async function insertAlone({ tenant, caller }: Context, draft: Draft): Promise<StoredVersion> {
  const [version] = await tenant.use((connection) => insertResources(connection, caller.epoch, caller, [draft]));
  if (version === undefined) throw new Error('The insert statement returned no version.');
  return version;
}

export const isIdTaken = (error: unknown): boolean => isUniqueViolation(error, 'resource_identity');
