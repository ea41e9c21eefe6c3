import { forbidden, type JsonObject } from '#fhir';
import { bodyOf, type Draft } from '../writing/draft.js';
import { assertContextReadable } from './guarded-binaries.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from './rights.js';
import { mayBeGuarded, securityContextOf } from './security-context.js';

/**
 * Throws 403 when a Binary that is about to be written names a security context that the caller cannot read
 * (https://hl7.org/fhir/R4/binary.html#security), or one that nobody could, because it is no resource of the project.
 * Whoever may read all resources of a type may name one that is still to come. Throws 403 as well when `sent`, what the
 * caller wants stored, names a context and the policy takes it away: what is meant for a few would be for everybody.
 */
export async function assertNamedContextReadable(
  context: Context,
  scope: ReadingScope,
  draft: Draft,
  sent: JsonObject,
): Promise<void> {
  const { type, id, extendedMeta } = draft;
  if (!mayBeGuarded(type)) return;
  if (sent.securityContext !== undefined && draft.value.securityContext === undefined) throw forbidden();
  const version = {
    type,
    id,
    versionId: '0',
    lastUpdated: '',
    deleted: false,
    body: bodyOf(draft, '0', ''),
    extendedMeta,
  };
  const guard = securityContextOf(version);
  if (guard === undefined) return;
  const mayReadAll = guard !== 'unknown' && context.caller.policy.grantsFully('read', guard.type);
  if (!mayReadAll) await assertContextReadable(context, scope, version);
}
