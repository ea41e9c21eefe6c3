/**
 * Who may touch what is stored: asked in the same way of reads, histories, writes and expunges, so that none of them
 * answers another thing. A deleted resource is what it was before its deletion.
 */
import type { Grant, Interaction, JudgedResource } from '#access-policy';
import { forbidden } from '#fhir';
import { assertContextReadable } from './guarded-binaries.js';
import { judgedVersion } from './judged.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from './rights.js';
import { mayBeGuarded } from './security-context.js';
import { findLastContent } from '../sql/read.sql.js';
import type { StoredVersion } from '../stored-version.js';

/** A resource on which something is granted: its current version, or the last content of a deleted one. */
export interface GrantedContent {
  readonly content: StoredVersion;
  readonly resource: JudgedResource;
  readonly grant: Grant;
}

/** Whether the interaction is granted on every resource of the type, whatever it holds. */
export const isGrantedUnseen = ({ caller: { policy } }: Context, interaction: Interaction, type: string): boolean =>
  policy.grantsFully(interaction, type) && !mayBeGuarded(type);

/**
 * What the first rule says that grants the interaction; undefined when there is no content (any more) and all of the type
 * is granted. Throws 403 when no rule grants it. The security context of a Binary is not asked about.
 */
export async function grantedContent(
  { caller: { policy } }: Context,
  scope: ReadingScope,
  interaction: Interaction,
  current: StoredVersion,
): Promise<GrantedContent | undefined> {
  const { type, id, deleted } = current;
  const content = deleted
    ? await scope.lookUp((connection) => findLastContent(connection, scope.epoch, type, id))
    : current;
  if (content === undefined) {
    if (policy.grantsFully(interaction, type)) return undefined;
    throw forbidden();
  }
  const resource = judgedVersion(content);
  const grant = policy.grantFor(interaction, resource);
  if (grant === undefined) throw forbidden();
  return { content, resource, grant };
}

/** The same; throws 403 as well when the caller cannot read the security context. */
export async function judgeStored(
  context: Context,
  scope: ReadingScope,
  interaction: Interaction,
  current: StoredVersion,
): Promise<GrantedContent | undefined> {
  const granted = await grantedContent(context, scope, interaction, current);
  if (granted !== undefined) await assertContextReadable(context, scope, granted.content);
  return granted;
}
