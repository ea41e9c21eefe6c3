/** Who may remove a resource for good: it is a deletion, and asks for the same right on the same content. */
import { assertContextReadable } from '../rights/guarded-binaries.js';
import { grantedContent, isGrantedUnseen } from '../rights/judge-stored.js';
import { readingsOn } from '../reading/reading-scope.js';
import { assertGranted, type Context } from '../rights/rights.js';
import { securityContextOf } from '../rights/security-context.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion, StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';

/**
 * Throws 403 unless a rule grants the caller to delete the resource, as it is or as it was before its deletion. Of a Binary
 * the security context must be readable too, unless that is gone: then nobody could ever read it, and it would stay for ever.
 */
export async function assertMayExpunge(context: Context, scope: Scope, current: CurrentVersion): Promise<void> {
  const { type } = current;
  assertGranted(context, 'delete', type);
  if (isGrantedUnseen(context, 'delete', type)) return;
  const granted = await grantedContent(context, readingsOn(scope), 'delete', current);
  if (granted === undefined || !(await hasContext(scope, granted.content))) return;
  await assertContextReadable(context, readingsOn(scope), granted.content);
}

async function hasContext({ connection }: Scope, content: StoredVersion): Promise<boolean> {
  const guard = securityContextOf(content);
  if (guard === undefined || guard === 'unknown') return false;
  const there = (await lockCurrent(connection, [guard])).get(`${guard.type}/${guard.id}`);
  return there !== undefined && !there.deleted;
}
