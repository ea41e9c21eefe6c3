/** Patches: an update whose content is made of the stored version, so that what others wrote meanwhile is never lost. */
import { hideFields } from '#access-policy';
import { conflict, forbidden, notFound, OutcomeError, readResource, unprocessable } from '#fhir';
import type { ResourcePatch } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { findMatch } from './conditional.js';
import type { WriteConditions } from './decide-update.js';
import { finishAlone, type Pending } from './finish-write.js';
import { judgedVersion } from '../rights/judged.js';
import { optimistically } from './optimistically.js';
import { projectSettings, type ProjectSettings } from '../project-settings.js';
import { readingsOn } from '../reading/reading-scope.js';
import { acceptResource } from './resource-checks.js';
import { changesRights, type Context } from '../rights/rights.js';
import { findCurrent } from '../sql/read.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { inTransaction, type Scope } from '../transaction.js';
import { admitUpdate, mayRead, type Admission } from '../rights/write-rights.js';
import { lockOne, storeFinished, updateLocked, type UpdateResult } from './writes.js';
import { readWritten } from './written.js';

/** How often a conditional patch searches again because what it had found was changed before it could be locked. */
const searches = 3;

/** A change of a resource, and on what it depends. */
export interface Patching {
  readonly patch: ResourcePatch;
  readonly conditions: WriteConditions;
}

/** Patches a resource; 404 and 410 when it is not there. */
export async function patchOne(context: Context, type: string, id: string, patching: Patching): Promise<UpdateResult> {
  const { tenant, caller } = context;
  const settings = await projectSettings(context);
  const raisesEpoch = changesRights('update', type);
  const result = await optimistically(raisesEpoch, () =>
    tenant.use(async (connection) => {
      const scope = { connection, epoch: caller.epoch };
      const current = await findCurrent(connection, caller.epoch, type, id);
      const pending = await pendingPatch(scope, context, settings, { type, current, ...patching });
      return storeFinished(scope, context, await finishAlone(context, readingsOn(scope), pending));
    }),
  );
  if (result !== undefined) return result;
  return inTransaction(tenant, caller, raisesEpoch, async (scope) =>
    patchLocked(scope, context, settings, { type, current: await lockOne(scope, type, id), ...patching }),
  );
}

/** Patches the resource that matches `request`; 404 when none does. */
export async function patchMatch(context: Context, request: SearchRequest, patching: Patching): Promise<UpdateResult> {
  const { tenant, caller } = context;
  const { type } = request;
  const settings = await projectSettings(context);
  return inTransaction(tenant, caller, changesRights('update', type), async (scope) => {
    const current = await lockMatch(scope, context, request);
    if (current === undefined) throw notFound();
    return patchLocked(scope, context, settings, { type, current, ...patching });
  });
}

/** What is patched, with its current version. */
export interface FoundPatching extends Patching {
  readonly type: string;
  readonly current: CurrentVersion | undefined;
}

async function patchLocked(
  scope: Scope,
  context: Context,
  settings: ProjectSettings,
  found: FoundPatching,
): Promise<UpdateResult> {
  const pending = await pendingPatch(scope, context, settings, found);
  return updateLocked(scope, context, await finishAlone(context, readingsOn(scope), pending));
}

async function pendingPatch(
  scope: Scope,
  context: Context,
  settings: ProjectSettings,
  { type, current, patch, conditions }: FoundPatching,
): Promise<Pending> {
  return patched(context, settings, await admitPatch(scope, context, { type, current, conditions }), patch);
}

/** An admitted patch: there is a version that it changes. */
export type PatchAdmission = Admission & { readonly current: CurrentVersion };

/**
 * Lets a patch go on, by the rules of an update; it cannot make what it changes: 404 and 410. Whether a patch can be
 * applied tells what is stored, so the caller must be able to read that as well: 403.
 */
export async function admitPatch(
  scope: Scope,
  context: Context,
  { type, current, conditions }: Omit<FoundPatching, 'patch'>,
): Promise<PatchAdmission> {
  const admission = await admitUpdate(context, readingsOn(scope), type, current, conditions, false);
  if (admission.current === undefined) throw notFound();
  if (!mayRead(context, admission.before ?? judgedVersion(admission.current))) throw forbidden();
  return { ...admission, current: admission.current };
}

/** What a patch works on: the current version without what the caller cannot see. */
export const patchedView = ({ current, fields }: PatchAdmission): string =>
  fields.hidden.length === 0 ? current.body : hideFields(current.body, fields.hidden);

/** What `patch` makes of the current version. Whatever is wrong with the result is the patch's fault: 422. */
export function patched(
  context: Context,
  settings: ProjectSettings,
  admission: PatchAdmission,
  patch: ResourcePatch,
): Pending {
  const { type, id } = admission.current;
  const result = patch(patchedView(admission));
  const text = asUnprocessable(() => readResource(result));
  if (text.resourceType !== type || text.id !== id) {
    throw unprocessable('A patch cannot change the type or the id of a resource');
  }
  const written = readWritten(context, settings, 'update', text, { accept: acceptPatched });
  return { admission, id, written };
}

const acceptPatched: typeof acceptResource = (...received) => asUnprocessable(() => acceptResource(...received));

function asUnprocessable<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OutcomeError) || error.category !== 'invalid') throw error;
    throw new OutcomeError('unprocessable', error.issues, { cause: error });
  }
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
