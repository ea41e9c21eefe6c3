/** Who may remove a resource for good: it is a deletion, and asks for the same right on the same content. */
import { forbidden } from '#fhir';
import { assertContextReadable } from '../guarded-binaries.js';
import { judgedVersion } from '../judged.js';
import { readingsOn } from '../reading-scope.js';
import { assertGranted, type Context } from '../rights.js';
import { mayBeGuarded, securityContextOf } from '../security-context.js';
import { findLastContent, lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion, StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';

/**
 * Throws 403 unless a rule grants the caller to delete the resource, as it is or as it was before its deletion. Of a Binary
 * the security context must be readable too, unless that is gone: then nobody could ever read it, and it would stay for ever.
 */
export async function assertMayExpunge(context: Context, scope: Scope, current: CurrentVersion): Promise<void> {
  const { caller } = context;
  const { type } = current;
  assertGranted(context, 'delete', type);
  const isGrantedUnseen = caller.policy.grantsFully('delete', type);
  if (isGrantedUnseen && !mayBeGuarded(type)) return;
  const content = await lastContent(scope, current);
  if (content === undefined) {
    if (isGrantedUnseen) return;
    throw forbidden();
  }
  if (!isGrantedUnseen && caller.policy.grantFor('delete', judgedVersion(content)) === undefined) throw forbidden();
  if (await hasContext(scope, content)) await assertContextReadable(context, readingsOn(scope), content);
}

const lastContent = async (
  { connection, epoch }: Scope,
  current: CurrentVersion,
): Promise<StoredVersion | undefined> =>
  current.deleted ? findLastContent(connection, epoch, current.type, current.id) : current;

async function hasContext({ connection }: Scope, content: StoredVersion): Promise<boolean> {
  const guard = securityContextOf(content);
  if (guard === undefined || guard === 'unknown') return false;
  const there = (await lockCurrent(connection, [guard])).get(`${guard.type}/${guard.id}`);
  return there !== undefined && !there.deleted;
}
